//! The studio that pages are compared with: its URL from a flag, who signs in from the environment.

use crate::{
    base::{notice, problem::Problem},
    settings::{say_plain_text, variable},
    text::escape::plain,
    wire::rest::{Credentials, Health, RestError, Studio, StudioUrl},
};

const EMAIL: &str = "E2E_STORE_STUDIO_EMAIL";
const PASSWORD: &str = "E2E_STORE_STUDIO_PASSWORD";

/// The studio's REST API
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Studio")]
pub(crate) struct StudioArgs {
    /// URL of the studio's backend, whose pages are asked for and compared; signs in as E2E_STORE_STUDIO_EMAIL with
    /// E2E_STORE_STUDIO_PASSWORD. Each page makes the studio write a hot snapshot
    #[arg(long = "studio", value_name = "URL")]
    pub(crate) url: Option<StudioUrl>,
}

/// A studio that has answered, and what it said.
pub(crate) struct Reached {
    pub(crate) studio: Studio,
    pub(crate) health: Health,
}

/// Asks for its health, and signs in where the environment says as whom.
pub(crate) async fn reach(url: &StudioUrl) -> anyhow::Result<Reached> {
    let credentials = credentials()?;
    let refused = |err| no_answer(url, &err);
    let mut studio = Studio::at(url.clone()).map_err(refused)?;
    let health = studio.health().await.map_err(refused)?;
    if let Some(credentials) = credentials {
        if !url.target().uses_tls() && !url.target().is_loopback() {
            say_plain_text(url.target(), "the password");
        }
        studio.sign_in(&credentials).await.map_err(|err| match err {
            RestError::Status(401 | 422) => {
                let what =
                    format!("the studio at `{url}` does not know the user of {EMAIL} with that password");
                Problem::new(what, format!("set {EMAIL} and {PASSWORD} to those of its web pages"))
            }
            err => no_answer(url, &err),
        })?;
    }
    notice::note(&format!("note: asking `{url}` for pages makes it write a hot snapshot"));
    Ok(Reached { studio, health })
}

/// Why pages could not be asked for.
pub(crate) fn no_answer(url: &StudioUrl, err: &RestError) -> Problem {
    if matches!(err, RestError::Status(401)) {
        let what = format!("the studio at `{url}` shows its pages only to who signs in");
        return Problem::new(what, format!("set {EMAIL} and {PASSWORD}"));
    }
    let what = format!("the studio at `{url}` is not reached: {}", plain(&err.to_string()));
    Problem::new(what, "name the studio's backend, by default `--studio http://localhost:26154`")
}

fn credentials() -> anyhow::Result<Option<Credentials>> {
    let half = |given: &str, lacking: &str| {
        Problem::new(format!("{given} is set, and {lacking} is not"), "set both, or neither")
    };
    match (variable(EMAIL), variable(PASSWORD)) {
        (Some(email), Some(password)) => Ok(Some(Credentials { email, password })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half(EMAIL, PASSWORD).into()),
        (None, Some(_)) => Err(half(PASSWORD, EMAIL).into()),
    }
}
