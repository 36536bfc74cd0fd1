//! Which spans of a source are sent.

use std::collections::BTreeSet;

use crate::{
    ledger::replay::Options,
    problem::Problem,
    span::{digest::hash, renewal::is_usual},
    store::predicate::Predicate,
};

/// The conditions of a replay. All of them must hold.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    services: BTreeSet<String>,
    traces: BTreeSet<Vec<u8>>,
    from: Option<i64>,
    to: Option<i64>,
    /// Of the hashes of trace ids, the lowest that are too high.
    sample: Option<u64>,
    pub(crate) condition: Option<Predicate>,
    /// Whether ids must be ones that can be renewed.
    usual_ids: bool,
}

impl Selection {
    pub(crate) fn new(options: &Options, fresh_ids: bool) -> Result<Self, Problem> {
        let parse = |id: &String| {
            const_hex::decode(id).map_err(|_| {
                Problem::new(format!("`{id}` is no trace id"), "write its 32 hexadecimal digits")
            })
        };
        let nanos = |time: crate::ledger::manifest::Timestamp| time.0.cast_signed();
        let condition = match &options.filter {
            None => None,
            Some(sql) => Some(Predicate::parse(sql).map_err(|err| {
                let hint = "write what follows WHERE, over the columns of a stored span, as `name = 'x'`";
                Problem::new(format!("`{sql}` is no condition on spans"), hint)
                    .caused_by(err.strip_backtrace())
            })?),
        };
        Ok(Self {
            services: options.services.clone(),
            traces: options.traces.iter().map(parse).collect::<Result<_, _>>()?,
            from: options.from.map(nanos),
            to: options.to.map(nanos),
            sample: options.sample.map(|share| (share * u64::MAX as f64) as u64),
            condition,
            usual_ids: fresh_ids,
        })
    }

    /// Why a span is not sent, the condition apart.
    pub(crate) fn refuses(
        &self,
        service: &str,
        trace_id: &[u8],
        span_id: &[u8],
        at: i64,
    ) -> Option<&'static str> {
        if !self.services.is_empty() && !self.services.contains(service) {
            Some("of other services")
        } else if !self.traces.is_empty() && !self.traces.contains(trace_id) {
            Some("of other traces")
        } else if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at >= to) {
            Some("of other times")
        } else if self.sample.is_some_and(|bound| hash(trace_id) >= bound) {
            Some("of traces outside the sample")
        } else if self.usual_ids && !(is_usual(trace_id, 16) && is_usual(span_id, 8)) {
            Some("with an id that is empty, zero or of odd length; --keep-ids sends them")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::manifest::Timestamp;

    #[test]
    fn a_sample_takes_whole_traces_and_about_its_share() {
        let options = Options { sample: Some(0.1), ..Options::default() };
        let selection = Selection::new(&options, true).unwrap();
        let taken = |trace: u32, span: u8| {
            let mut id = [1; 16];
            id[..4].copy_from_slice(&trace.to_be_bytes());
            selection.refuses("a", &id, &[span; 8], 0).is_none()
        };
        let traces = (0..10_000).filter(|trace| {
            assert_eq!(taken(*trace, 1), taken(*trace, 2));
            taken(*trace, 1)
        });
        assert!((900..1_100).contains(&traces.count()));
    }

    #[test]
    fn every_condition_says_what_it_keeps_back() {
        let options = Options {
            services: BTreeSet::from(["a".to_owned()]),
            traces: BTreeSet::from(["01".repeat(16)]),
            from: Some(Timestamp(10)),
            to: Some(Timestamp(20)),
            ..Options::default()
        };
        let selection = Selection::new(&options, true).unwrap();
        let (trace, span) = ([1; 16], [2; 8]);
        for (service, trace_id, span_id, at, said) in [
            ("a", &trace[..], &span[..], 10, None),
            ("b", &trace, &span, 10, Some("of other services")),
            ("a", &[2; 16], &span, 10, Some("of other traces")),
            ("a", &trace, &span, 9, Some("of other times")),
            ("a", &trace, &span, 20, Some("of other times")),
            (
                "a",
                &trace,
                &[0; 8],
                10,
                Some("with an id that is empty, zero or of odd length; --keep-ids sends them"),
            ),
        ] {
            assert_eq!(selection.refuses(service, trace_id, span_id, at), said);
        }
        let wrong = Options { filter: Some("nonsense = 1".to_owned()), ..Options::default() };
        assert_eq!(
            Selection::new(&wrong, true).unwrap_err().to_string(),
            "`nonsense = 1` is no condition on spans"
        );
    }
}
