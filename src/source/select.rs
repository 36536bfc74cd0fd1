//! Which spans of a source are sent.

use std::collections::BTreeSet;

use datafusion::{
    arrow::array::{BooleanArray, RecordBatch},
    error::DataFusionError,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use super::chunk::SourceNotes;
use crate::{
    base::problem::Problem,
    contract::{
        columns,
        digest::hash,
        id_remap::is_usual,
        mapping::{self, ResourceFacts},
        otlp::Cells,
        row::Cell,
        schema::{Schema, column},
    },
    ledger::{expected::IdKey, replay::Options},
    store::{columns::adapt, predicate::Predicate},
};

pub(crate) const COPIES: &str =
    "that were found before, in another file or twice; --keep-duplicates sends them";
const UNFIT: &str = "outside the condition of --where";

/// A stored row that is wanted.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) at: i64,
    pub(crate) ids: IdKey,
}

/// Why a span is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody asked for it.
    NotWanted(&'static str),
    /// It was asked for.
    Unsendable(&'static str),
}

/// The conditions of a replay. All of them must hold.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    services: BTreeSet<String>,
    traces: BTreeSet<Vec<u8>>,
    from: Option<i64>,
    to: Option<i64>,
    /// Of the hashes of trace ids, the lowest that are too high.
    sample: Option<u64>,
    condition: Option<Predicate>,
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

    /// Which rows of a batch the condition lets through; one that cannot be worked out lets none.
    pub(crate) fn mask(&self, batch: &RecordBatch, notes: &mut SourceNotes) -> Option<BooleanArray> {
        let condition = self.condition.as_ref()?;
        Some(condition.keeps(batch).unwrap_or_else(|err| none_of(batch.num_rows(), &err, notes)))
    }

    /// Whether a stored row is sent or, if it is not, why.
    pub(crate) fn admit(
        &self,
        mask: Option<&BooleanArray>,
        row: usize,
        cells: &Cells<'_>,
    ) -> Result<Admitted, Refusal> {
        if mask.is_some_and(|mask| !mask.value(row)) {
            return Err(Refusal::NotWanted(UNFIT));
        }
        let text = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
        let [mut trace_id, mut span_id] = [(); 2].map(|()| IdBytes::default());
        let trace_id = trace_id.decode(text(column::TRACE_ID));
        let span_id = span_id.decode(text(column::SPAN_ID));
        let at = cells[column::END_TIME].and_then(Cell::number);
        // What is known of a damaged row may say that nobody asked for it.
        if let Some(why) = self.leaves_out(text(column::SERVICE_NAME), trace_id, at) {
            return Err(Refusal::NotWanted(why));
        }
        let (trace_id, span_id, at) = match (trace_id, span_id, at) {
            (Some(trace_id), Some(span_id), Some(at)) => (trace_id, span_id, at),
            (None, ..) => return Err(Refusal::Unsendable("`trace_id` is no hexadecimal text")),
            (_, None, _) => return Err(Refusal::Unsendable("`span_id` is no hexadecimal text")),
            (.., None) => return Err(Refusal::Unsendable("`end_time` has no value")),
        };
        match self.cannot_be_renewed(trace_id, span_id) {
            Some(why) => Err(Refusal::Unsendable(why)),
            None => Ok(Admitted { at, ids: IdKey::of(trace_id, span_id) }),
        }
    }

    /// Why each span of a request is not sent, in their order; none for those that are.
    pub(crate) fn refusals(
        &self,
        request: &ExportTraceServiceRequest,
        at: i64,
        notes: &mut SourceNotes,
    ) -> Vec<Option<Refusal>> {
        let mask = self.condition.as_ref().map(|condition| {
            let rows = mapping::rows(&request.resource_spans, Schema::V2);
            let batch = columns::batch(&rows, Schema::V2).and_then(|batch| adapt(&batch));
            let kept = batch.map_err(DataFusionError::from).and_then(|batch| condition.keeps(&batch));
            kept.unwrap_or_else(|err| none_of(rows.len(), &err, notes))
        });
        let mut refusals = Vec::new();
        for resource_spans in &request.resource_spans {
            let facts = ResourceFacts::of(resource_spans.resource.as_ref());
            for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let is_unfit = mask.as_ref().is_some_and(|mask| !mask.value(refusals.len()));
                let refused = || self.refuses(facts.service_name(), &span.trace_id, &span.span_id, at);
                refusals.push(if is_unfit { Some(Refusal::NotWanted(UNFIT)) } else { refused() });
            }
        }
        refusals
    }

    /// Why a span is not sent, the condition apart.
    fn refuses(&self, service: &str, trace_id: &[u8], span_id: &[u8], at: i64) -> Option<Refusal> {
        let left_out = self.leaves_out(service, Some(trace_id), Some(at)).map(Refusal::NotWanted);
        left_out.or_else(|| self.cannot_be_renewed(trace_id, span_id).map(Refusal::Unsendable))
    }

    /// Why nobody asked for a span, as far as its values are known.
    fn leaves_out(&self, service: &str, trace_id: Option<&[u8]>, at: Option<i64>) -> Option<&'static str> {
        let is_at = |holds: fn(i64, i64) -> bool, bound: Option<i64>| {
            at.zip(bound).is_some_and(|(at, bound)| holds(at, bound))
        };
        if !self.services.is_empty() && !self.services.contains(service) {
            Some("of other services")
        } else if !self.traces.is_empty() && trace_id.is_none_or(|id| !self.traces.contains(id)) {
            Some("of other traces")
        } else if is_at(|at, from| at < from, self.from) || is_at(|at, to| at >= to, self.to) {
            Some("of other times")
        } else if trace_id.zip(self.sample).is_some_and(|(id, bound)| hash(id) >= bound) {
            Some("of traces outside the sample")
        } else {
            None
        }
    }

    fn cannot_be_renewed(&self, trace_id: &[u8], span_id: &[u8]) -> Option<&'static str> {
        let is_unusual = self.usual_ids && !(is_usual(trace_id, 16) && is_usual(span_id, 8));
        is_unusual.then_some("an id is empty, zero or of odd length; --keep-ids sends it")
    }
}

fn none_of(rows: usize, err: &DataFusionError, notes: &mut SourceNotes) -> BooleanArray {
    notes.trouble("--where", format!("cannot be worked out: {}", err.strip_backtrace()));
    BooleanArray::from(vec![false; rows])
}

/// Room for an id's bytes: a vector's where it is longer than any id of OTLP.
#[derive(Debug, Default)]
struct IdBytes([u8; 16], Vec<u8>);

impl IdBytes {
    fn decode(&mut self, text: &str) -> Option<&[u8]> {
        let length = text.len() / 2;
        let room = if let Some(room) = self.0.get_mut(..length) {
            room
        } else {
            self.1.resize(length, 0);
            &mut self.1[..]
        };
        const_hex::decode_to_slice(text, room).ok()?;
        Some(room)
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
        let not_wanted = |why| Some(Refusal::NotWanted(why));
        for (service, trace_id, span_id, at, said) in [
            ("a", &trace[..], &span[..], 10, None),
            ("b", &trace, &span, 10, not_wanted("of other services")),
            ("a", &[2; 16], &span, 10, not_wanted("of other traces")),
            ("a", &trace, &span, 9, not_wanted("of other times")),
            ("a", &trace, &span, 20, not_wanted("of other times")),
            (
                "a",
                &trace,
                &[0; 8],
                10,
                Some(Refusal::Unsendable("an id is empty, zero or of odd length; --keep-ids sends it")),
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
