//! The internal service: can it be reached, does it take our token, how long do its calls take.

use std::time::{Duration, Instant};

use super::{
    Visit, advice,
    endpoint::reach,
    steps::{List, Steps},
};
use crate::{
    text::{
        escape::plain,
        numbers::{counted, duration},
    },
    wire::ingestion::{Ingestion, Refusal, RefusalKind, Snapshot},
};

/// The studio makes a snapshot for every question that looks at fresh data.
const SLOW_SNAPSHOT: Duration = Duration::from_secs(1);
const SLOW_FLUSH: Duration = Duration::from_secs(10);

/// What the internal calls answered.
#[derive(Debug, Default)]
pub(crate) struct Called {
    pub(crate) snapshot: Option<Snapshot>,
}

pub(super) async fn walk(visit: &Visit<'_>, steps: &mut Steps) -> Called {
    let target = &visit.settings.internal_endpoint;
    let unreachable = match reach(target).await {
        Ok(took) => {
            let text = format!("`{target}` answers in {}", duration(took));
            steps.ok(List::NotAppearing, "internal endpoint", text);
            None
        }
        Err(err) => Some(err),
    };
    if let Some(err) = unreachable {
        let text = format!(
            "nothing answers at `{target}`: {err}; all works without it, but only the studio's timers bring \
             spans to disk. The shipped compose files do not publish the port"
        );
        steps.warn(List::NotAppearing, "internal endpoint", text, advice::publish_the_internal_port());
        return skip_all(&["token", "snapshot call"], "the internal endpoint does not answer", steps);
    }
    let token = visit.settings.internal_token.as_deref();
    let mut ingestion = match Ingestion::connect(target, token).await {
        Ok(ingestion) => ingestion,
        Err(problem) => {
            let hint = vec![format!("# {}", problem.hint())];
            let text = format!("{:#}", anyhow::Error::from(problem));
            steps.fail(List::NotAppearing, "token", plain(&text), hint);
            return skip_all(&["snapshot call"], "there is no connection", steps);
        }
    };
    let called = Called { snapshot: snapshot(&mut ingestion, token, steps).await };
    if called.snapshot.is_some() {
        flush(&mut ingestion, visit, steps).await;
    } else {
        steps.skip(List::Slow, "flush call", "the internal service refuses");
    }
    called
}

fn skip_all(names: &[&'static str], why: &str, steps: &mut Steps) -> Called {
    for name in names {
        steps.skip(List::NotAppearing, name, why);
    }
    steps.skip(List::Slow, "snapshot time", why);
    steps.skip(List::Slow, "flush call", why);
    Called::default()
}

async fn snapshot(ingestion: &mut Ingestion, token: Option<&str>, steps: &mut Steps) -> Option<Snapshot> {
    let began = Instant::now();
    let answer = ingestion.snapshot().await;
    let took = began.elapsed();
    match answer {
        Ok(snapshot) => {
            let given = if token.is_some() {
                "the token is taken, or none is asked for"
            } else {
                "no token is asked for"
            };
            steps.ok(List::NotAppearing, "token", given);
            let rows = counted(snapshot.rows.unsigned_abs(), "row");
            let text = format!("PrepareHotSnapshot copied {rows} in {}", duration(took));
            steps.ok(List::NotAppearing, "snapshot call", text.clone());
            if took < SLOW_SNAPSHOT {
                steps.ok(List::Slow, "snapshot time", duration(took));
            } else {
                let next = advice::flush();
                steps.warn(
                    List::Slow,
                    "snapshot time",
                    format!("{text}: a flush makes the WAL shorter"),
                    next,
                );
            }
            Some(snapshot)
        }
        Err(refusal) => {
            refused(&refusal, token, steps);
            steps.skip(List::Slow, "snapshot time", "the snapshot failed");
            None
        }
    }
}

fn refused(refusal: &Refusal, token: Option<&str>, steps: &mut Steps) {
    let said = plain(&refusal.message);
    match refusal.kind {
        RefusalKind::Unauthenticated => {
            let given = if token.is_some() { "the token is wrong" } else { "a token is needed, none is set" };
            steps.fail(List::NotAppearing, "token", format!("{given}: {said}"), advice::pass_the_token());
            steps.skip(List::NotAppearing, "snapshot call", "the token is refused");
        }
        RefusalKind::Failed => {
            steps.ok(List::NotAppearing, "token", "the service lets us in");
            let text = format!("PrepareHotSnapshot fails, and so will every flush: {said}");
            steps.fail(List::NotAppearing, "snapshot call", text, advice::read_the_log());
        }
        RefusalKind::Unknown | RefusalKind::Unanswered => {
            let next = vec![format!("# {}", refusal.hint())];
            steps.fail(List::NotAppearing, "token", format!("not the internal service: {said}"), next);
            steps.skip(List::NotAppearing, "snapshot call", "another service answers");
        }
    }
}

/// A flush writes a cold file, so it is only done when it was asked for.
async fn flush(ingestion: &mut Ingestion, visit: &Visit<'_>, steps: &mut Steps) {
    if !visit.flush {
        return steps.skip(List::Slow, "flush call", "it changes the store: --flush does it");
    }
    let began = Instant::now();
    match ingestion.flush().await {
        Ok(()) if began.elapsed() < SLOW_FLUSH => {
            steps.ok(List::Slow, "flush call", format!("FlushWAL took {}", duration(began.elapsed())));
        }
        Ok(()) => {
            let text = format!("FlushWAL took {}: exports wait meanwhile", duration(began.elapsed()));
            steps.warn(List::Slow, "flush call", text, advice::read_the_log());
        }
        Err(refusal) => {
            let text = format!("FlushWAL fails: {}", plain(&refusal.message));
            steps.fail(List::Slow, "flush call", text, advice::read_the_log());
        }
    }
}
