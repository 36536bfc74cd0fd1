//! Why is my data not there: the troubleshooting lists, walked down by the program itself.
//!
//! Each step looks at one thing and says what it found and what to type next. A step that needs another one
//! is skipped with the reason. Nothing is changed but by the probe, one tagged span, by PrepareHotSnapshot
//! and, only when asked for, by FlushWAL.

use std::{path::Path, sync::Arc, time::Duration};

use datafusion::execution::TaskContext;
use serde::Serialize;

use self::{
    endpoint::Sent,
    internal::Called,
    settings::Setting,
    steps::{List, Step, StepResult, Steps},
};
use crate::{
    base::{clock::unix_nanos, notice},
    settings::Settings,
    store::layout::Layout,
    text::shell,
    wire::rest::StudioUrl,
};

pub(crate) mod advice;
pub(crate) mod endpoint;
pub(crate) mod files;
mod index;
pub(crate) mod internal;
pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod probe;
pub(crate) mod settings;
pub(crate) mod steps;
mod studio;
pub(crate) mod turn_up;

/// What to look at, and how.
pub(crate) struct Visit<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) shown_settings: Vec<Setting>,
    pub(crate) data_dir: Option<&'a Path>,
    /// Whether to send the probe.
    pub(crate) send: bool,
    /// Whether to call FlushWAL.
    pub(crate) flush: bool,
    /// The studio's backend, to be asked for its version.
    pub(crate) studio: Option<&'a StudioUrl>,
    /// How long the probe may take to reach the disk.
    pub(crate) settle: Duration,
}

/// What the steps came to.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    pub(crate) settings: Vec<Setting>,
    pub(crate) steps: Vec<Step>,
}

impl Diagnosis {
    pub(crate) fn has_failed(&self) -> bool {
        self.steps.iter().any(|step| step.outcome == StepResult::Fail)
    }
}

pub(crate) async fn examine(visit: Visit<'_>, context: &Arc<TaskContext>) -> anyhow::Result<Diagnosis> {
    let mut steps = Steps::default();
    let layout = files::find(visit.data_dir, &mut steps);
    let before = layout.as_ref().map(turn_up::listing).unwrap_or_default();

    let sent = endpoint::walk(&visit, &mut steps).await;
    let called = internal::walk(&visit, &mut steps).await;
    if let Some(url) = visit.studio {
        studio::walk(url, &mut steps).await;
    }
    if let Some(layout) = &layout {
        where_it_went(layout, before, sent.as_ref(), &called, &visit, context, &mut steps).await?;
        files::walk(layout, context, unix_nanos(), &mut steps).await?;
        machine::disk(layout, &mut steps);
        index::walk(layout, unix_nanos().cast_signed(), &mut steps);
    } else {
        skip_the_store(&mut steps);
    }
    steps.skip(List::Polluted, "all other rows", "`e2e-store audit` judges them, one by one");
    let flags = flags(&visit.shown_settings);
    Ok(Diagnosis { settings: visit.shown_settings, steps: steps.in_order(&flags) })
}

/// The flags that were given, without secrets.
fn flags(settings: &[Setting]) -> String {
    let of_setting = |setting: &Setting| {
        let flag = setting.from.strip_prefix("flag ")?;
        let is_open = ["--endpoint", "--internal-endpoint", "--data-dir", "--config"].contains(&flag);
        is_open.then(|| format!(" {flag} {}", shell::quote(&setting.value)))
    };
    settings.iter().filter_map(of_setting).collect()
}

fn skip_the_store(steps: &mut Steps) {
    let of_the_store = [
        (
            List::NotAppearing,
            &[
                "written here",
                "clocks",
                "permissions",
                "files",
                "wal",
                "last flush",
                "hot snapshot",
                "leftovers",
                "disk",
                "index",
            ][..],
        ),
        (List::Polluted, &["stored as sent"]),
        (List::Slow, &["cold files"]),
    ];
    for (list, names) in of_the_store {
        for name in names {
            steps.skip(list, name, "no data directory is at hand");
        }
    }
}

/// Waits for the probe and looks at what the studio made of it.
async fn where_it_went(
    layout: &Layout,
    before: turn_up::Seen,
    sent: Option<&Sent>,
    called: &Called,
    visit: &Visit<'_>,
    context: &Arc<TaskContext>,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let Some(sent) = sent else {
        let why = if visit.send { "no span was taken" } else { "--no-send: no span was sent" };
        steps.skip(List::NotAppearing, "written here", why);
        steps.skip(List::Polluted, "stored as sent", why);
        steps.skip(List::NotAppearing, "clocks", why);
        return Ok(());
    };
    notice::note(&format!("waiting up to {} s for the probe to reach the disk", visit.settle.as_secs()));
    let arrived = turn_up::wait_for(layout, before, &sent.probe, visit.settle, context).await?;
    turn_up::judge(layout, arrived.as_ref(), sent, called, visit, steps);
    Ok(())
}
