//! Whether the studio's backend answers, and which version it is.

use super::{
    advice,
    steps::{List, Steps},
};
use crate::{
    text::escape::plain,
    wire::rest::{Studio, StudioUrl},
};

const STEP: &str = "studio";
const NAME: &str = "Junjo AI Studio";

/// Asks for its health alone, which is open to all and leaves no trace in the store.
pub(super) async fn walk(url: &StudioUrl, steps: &mut Steps) {
    let asked = async { Studio::at(url.clone())?.health().await };
    match asked.await {
        Err(err) => {
            let text = format!("`{url}` does not answer: {}", plain(&err.to_string()));
            steps.fail(List::NotAppearing, STEP, text, advice::studio_health(url));
        }
        Ok(health) if health.app_name != NAME => {
            let text = format!("`{url}` is {} and not a studio", plain(&health.app_name));
            steps.fail(List::NotAppearing, STEP, text, advice::studio_health(url));
        }
        Ok(health) => {
            let text = format!("{NAME} {} answers at {url}", plain(&health.version));
            steps.ok(List::NotAppearing, STEP, text);
        }
    }
}
