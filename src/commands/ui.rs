//! `ui`.

use std::{io::Write, path::PathBuf};

use datafusion::prelude::SessionContext;

use super::{
    inspect::{Format, SESSION, Shape},
    studio::{self, Reached, StudioArgs},
};
use crate::{
    base::{clock::unix_nanos, exit::Exit, problem::Problem, url},
    index::read::{Index, IndexState, read},
    report::{page::Page, ui as report},
    store::{find::find_store, layout::Layout, session},
    text::paint::Paint,
    ui::{
        self, Pages, Prediction, Wanted,
        compare::{Comparison, Scope, compare},
    },
};

/// Predict what the studio's pages show, and why not the rest
///
/// Reads the files and a copy of the studio's index, and follows the rules of its backend: which services are listed,
/// which workflows and agents, which spans of a trace. Calls nothing, unless --studio asks the studio itself: for the
/// list of services, the workflows of each, and traces, of each file in turn and 20 at most. `audit` judges the index itself.
///
/// Exits with 0 when everything stored is shown, 1 when something is not, or when the studio shows anything else than
/// predicted, and 2 when there is no store, no index, or no answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store ui
  e2e-store ui .dbdata --service checkout
  e2e-store ui .dbdata --trace 2a835b807588a753a664d42ecb86bd02
  e2e-store ui .dbdata --studio http://localhost:26154
  e2e-store ui --format json | jq '.services[] | select(.is_listed | not)'")]
pub(crate) struct UiArgs {
    /// Data directory, or any folder of it [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    path: Option<PathBuf>,

    /// Pages of this service, with its newest executions
    #[arg(long, value_name = "NAME", conflicts_with = "trace")]
    service: Option<String>,

    /// Page of this trace
    #[arg(long, value_name = "ID")]
    trace: Option<String>,

    #[command(flatten)]
    studio: StudioArgs,

    #[command(flatten)]
    shape: Shape,
}

pub(crate) async fn run(args: &UiArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let layout = find_store(args.path.as_deref())?;
    let session = session::session(SESSION)?;
    let (service, trace) = (args.service.as_deref(), args.trace.as_deref());
    let services: Vec<String> = args.service.iter().cloned().collect();
    let (prediction, comparison) = match &args.studio.url {
        None => {
            let pages = trace.map_or(Pages::Services(&services), Pages::Trace);
            (predicted(&layout, pages, &session).await?, None)
        }
        Some(url) => {
            let pages = trace.map_or(Pages::Sampled(&services), Pages::Trace);
            // Before the studio is asked: a store without an index has nothing to compare.
            index(&layout)?;
            let reached = studio::reach(url).await?;
            let (prediction, comparison) = compared(&layout, pages, &reached, &session).await?;
            (prediction, Some(comparison))
        }
    };
    if let (Some(name), []) = (service, &prediction.services[..]) {
        let what = format!("no stored span and no entry of the index is of service `{name}`");
        return Err(Problem::new(what, "`e2e-store ui` lists the services").into());
    }
    if let Some(page) = prediction.traces.first().filter(|page| trace.is_some() && page.stored == 0) {
        let what = format!("no stored span is of trace `{}`", page.trace_id);
        return Err(Problem::new(
            what,
            "write the whole trace id; `e2e-store trace` finds one by its beginning",
        )
        .into());
    }
    match args.shape.format {
        Format::Table => {
            let page = Page { paint: Paint::for_stdout(args.shape.color), width: args.shape.columns() };
            report::print(out, &prediction, comparison.as_ref(), page)?;
        }
        Format::Json => report::print_json(out, &prediction, comparison.as_ref())?,
    }
    let differs = comparison.is_some_and(|comparison| !comparison.differences.is_empty());
    Ok(if prediction.hides() || differs { Exit::Found } else { Exit::Clean })
}

async fn predicted(
    layout: &Layout,
    pages: Pages<'_>,
    session: &SessionContext,
) -> anyhow::Result<Prediction> {
    let index = index(layout)?;
    let now = unix_nanos().cast_signed();
    ui::predict(layout, &index, Wanted { pages, now }, session).await
}

/// Comparisons of a store that is written to meanwhile: what differs is looked at again.
const ATTEMPTS: usize = 3;

/// The prediction beside the studio's answers.
pub(super) async fn compared(
    layout: &Layout,
    pages: Pages<'_>,
    Reached { studio, health }: &Reached,
    session: &SessionContext,
) -> anyhow::Result<(Prediction, Comparison)> {
    let scope = match pages {
        Pages::Services([]) | Pages::Sampled([]) => Scope::AllServices,
        Pages::Services(_) | Pages::Sampled(_) => Scope::SomeServices,
        Pages::Trace(_) => Scope::Trace,
    };
    let mut attempt = 1;
    loop {
        let prediction = predicted(layout, pages, session).await?;
        let refused = |err| studio::no_answer(studio.url(), &err);
        let comparison = compare(studio, health, &prediction, scope).await.map_err(refused)?;
        if comparison.differences.is_empty() || attempt == ATTEMPTS {
            return Ok((prediction, comparison));
        }
        attempt += 1;
    }
}

fn index(layout: &Layout) -> anyhow::Result<std::sync::Arc<Index>> {
    match read(layout.index().as_deref()) {
        IndexState::Read(index) => Ok(index),
        IndexState::Absent(why) => {
            let hint = "the studio's backend makes it beside the spans; `e2e-store serve --index` does, too";
            Err(Problem::new(why, hint).into())
        }
        IndexState::Unreadable(why) => {
            let what = format!("the studio's index cannot be read: {why}");
            Err(Problem::new(what, "try again, or stop the backend first").into())
        }
    }
}
