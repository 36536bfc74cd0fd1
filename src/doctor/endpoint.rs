//! The OTLP endpoint: does it answer, in which tongue, does it take our key, does it take a span.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

use super::{
    Visit, advice,
    probe::Probe,
    steps::{List, Steps},
};
use crate::{
    base::clock::unix_nanos,
    settings::DEFAULT_API_KEY,
    text::{escape::plain, numbers::duration},
    wire::{
        exporter::{Exporter, Refused, RefusedKind},
        outcome::ExportOutcome,
        target::Target,
    },
};

const PATIENCE: Duration = Duration::from_secs(5);
/// An export of one span that takes longer makes a sender with few connections slow.
const SLOW_EXPORT: Duration = Duration::from_millis(100);

/// The probe as it was acked.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) probe: Probe,
    /// Unix nanoseconds.
    pub(crate) began: u64,
}

pub(super) async fn walk(visit: &Visit<'_>, steps: &mut Steps) -> Option<Sent> {
    let target = &visit.settings.endpoint;
    match reach(target).await {
        Ok(took) => {
            let text = format!("`{target}` answers in {}", duration(took));
            steps.ok(List::NotAppearing, "endpoint", text);
        }
        Err(err) => {
            let text = format!("nothing answers at `{target}`: {err}");
            steps.fail(List::NotAppearing, "endpoint", text, advice::start_the_studio());
            return skip_all(&["tls", "key", "span taken"], "the endpoint does not answer", steps);
        }
    }
    let exporter = open(visit, steps).await;
    let Some(mut exporter) = exporter else {
        return skip_all(&["key", "span taken"], "there is no connection", steps);
    };
    match exporter.prove().await {
        Ok(()) => steps.ok(List::NotAppearing, "key", "an empty export was taken"),
        Err(refused) => {
            key_refused(&refused, visit, steps);
            return skip_all(&["span taken"], "no export is taken", steps);
        }
    }
    if visit.send {
        send(&mut exporter, steps).await
    } else {
        skip_all(&["span taken"], "--no-send: no span was sent", steps)
    }
}

/// How long a TCP connection took.
pub(super) async fn reach(target: &Target) -> io::Result<Duration> {
    let began = Instant::now();
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(target.address())).await;
    connected.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s"))??;
    Ok(began.elapsed())
}

fn skip_all(names: &[&'static str], why: &str, steps: &mut Steps) -> Option<Sent> {
    for name in names {
        steps.skip(List::NotAppearing, name, why);
    }
    steps.skip(List::Slow, "export time", "no span was sent");
    None
}

async fn open(visit: &Visit<'_>, steps: &mut Steps) -> Option<Exporter> {
    let settings = visit.settings;
    let tls = settings.endpoint.uses_tls();
    match Exporter::open(&settings.endpoint, &settings.api_key, &settings.transport).await {
        Ok(exporter) if tls => {
            steps.ok(List::NotAppearing, "tls", "the server's certificate is trusted");
            Some(exporter)
        }
        Ok(exporter) => {
            steps.skip(List::NotAppearing, "tls", "plain text: the endpoint is not `https://`");
            Some(exporter)
        }
        Err(problem) => {
            let hint = problem.hint().to_owned();
            let text = format!("{:#}", anyhow::Error::from(problem));
            steps.fail(List::NotAppearing, "tls", plain(&text), vec![format!("# {hint}")]);
            None
        }
    }
}

fn key_refused(refused: &Refused, visit: &Visit<'_>, steps: &mut Steps) {
    let default = if visit.settings.api_key == DEFAULT_API_KEY {
        "; no key was given, so the stand-in's was tried"
    } else {
        ""
    };
    let said = plain(&refused.problem.to_string());
    let (text, next) = match refused.kind {
        RefusedKind::Key => (format!("the key is refused: {said}{default}"), advice::pass_the_key()),
        RefusedKind::Unavailable => (
            format!("the key cannot be checked, the studio's backend does not answer: {said}"),
            advice::look_at_the_backend(),
        ),
        RefusedKind::NotOtlp | RefusedKind::Unanswered => {
            (format!("this is no OTLP endpoint, or a proxy stands before it: {said}"), hint(refused))
        }
        RefusedKind::Other => (said, advice::read_the_log()),
    };
    steps.fail(List::NotAppearing, "key", text, next);
}

fn hint(refused: &Refused) -> Vec<String> {
    vec![format!("# {}", refused.problem.hint())]
}

async fn send(exporter: &mut Exporter, steps: &mut Steps) -> Option<Sent> {
    let began = unix_nanos();
    let probe = Probe::new(rand::random(), began);
    let clock = Instant::now();
    let reply = exporter.export(probe.request()).await;
    let took = clock.elapsed();
    if reply.outcome != ExportOutcome::Acked {
        let code = reply.outcome.code().map(|code| format!(" ({code})")).unwrap_or_default();
        let text = format!("one span was {}{code}: {}", reply.outcome.name(), plain(&reply.message));
        steps.fail(List::NotAppearing, "span taken", text, advice::read_the_log());
        steps.skip(List::Slow, "export time", "no span was taken");
        return None;
    }
    let text = format!("one span of `{}`, trace {}, was acked", super::probe::SERVICE, probe.trace_id);
    steps.ok(List::NotAppearing, "span taken", text);
    if took < SLOW_EXPORT {
        steps.ok(List::Slow, "export time", format!("one span in {}", duration(took)));
    } else {
        let text = format!("one span took {}: the service or the way to it is slow", duration(took));
        let next =
            vec!["e2e-store generate --scenario throughput   # more connections, larger exports".to_owned()];
        steps.warn(List::Slow, "export time", text, next);
    }
    Some(Sent { probe, began })
}
