//! `ui`.

use std::{io::Write, path::PathBuf};

use super::inspect::{Format, SESSION, Shape};
use crate::{
    base::{clock::unix_nanos, exit::Exit, problem::Problem},
    index::read::{IndexState, read},
    report::{page::Page, ui as report},
    store::{find::find_store, session},
    text::paint::Paint,
    ui::{self, Wanted},
};

/// Predict what the studio's pages show, and why not the rest
///
/// Reads the files and a copy of the studio's index, and follows the rules of its backend: which services are listed,
/// which workflows and agents, which spans of a trace. Calls nothing, and does not predict the page of a service without a
/// name, which shows the spans of others. `audit` judges the index itself.
///
/// Exits with 0 when everything stored is shown, 1 when something is not, and 2 when there is no store or no index.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store ui
  e2e-store ui .dbdata --service checkout
  e2e-store ui .dbdata --trace 2a835b807588a753a664d42ecb86bd02
  e2e-store ui --format json | jq '.services[] | select(.is_listed | not)'")]
pub(crate) struct UiArgs {
    /// Data directory, or any folder of it [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    /// Pages of this service, with its newest executions
    #[arg(long, value_name = "NAME", conflicts_with = "trace")]
    service: Option<String>,

    /// Page of this trace
    #[arg(long, value_name = "ID")]
    trace: Option<String>,

    #[command(flatten)]
    shape: Shape,
}

pub(crate) async fn run(args: &UiArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let layout = find_store(args.path.as_deref())?;
    let index = match read(layout.index().as_deref()) {
        IndexState::Read(index) => index,
        IndexState::Absent(why) => {
            let hint = "the studio's backend makes it beside the spans; `e2e-store serve --index` does, too";
            return Err(Problem::new(why, hint).into());
        }
        IndexState::Unreadable(why) => {
            let what = format!("the studio's index cannot be read: {why}");
            return Err(Problem::new(what, "try again, or stop the backend first").into());
        }
    };
    let session = session::session(SESSION)?;
    let now = unix_nanos().cast_signed();
    let wanted = Wanted { service: args.service.as_deref(), trace: args.trace.as_deref(), now };
    let prediction = ui::predict(&layout, &index, wanted, &session).await?;
    if let (Some(name), []) = (&args.service, &prediction.services[..]) {
        let what = format!("no stored span and no entry of the index is of service `{name}`");
        return Err(Problem::new(what, "`e2e-store ui` lists the services").into());
    }
    if let Some(page) = prediction.trace.as_ref().filter(|page| page.stored == 0) {
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
            report::print(out, &prediction, page)?;
        }
        Format::Json => report::print_json(out, &prediction)?,
    }
    Ok(if prediction.hides() { Exit::Found } else { Exit::Clean })
}
