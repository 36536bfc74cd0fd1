//! One request in OTLP's JSON form: ProtoJSON, with ids in hexadecimal digits.
//!
//! `TracesData` and `ExportTraceServiceRequest` look the same. The text is read once, straight into the messages
//! and within a budget. Neither of the libraries at hand does what is needed here: serde's derived form drops what
//! it does not know, and reflection over descriptors knows nothing of OTLP's ids, costs a tree of dynamic values,
//! and names neither the place of an error nor what it left out. What is no part of a span is named and counted,
//! and nothing becomes a null on the way.

mod fields;
pub(crate) mod foreign;
mod scalar;
mod value;
pub(crate) mod write;

use std::{borrow::Cow, collections::BTreeMap};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::contract::json_reader::{JsonError, JsonReader};

/// Arrays and objects inside each other: more than the messages that prost decodes can have.
const MAX_NESTING: usize = 256;

/// Different things that are counted apart.
const MAX_KINDS: usize = 64;

/// What a request holds beside its spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// What was passed over, and how often.
    pub(crate) ignored: BTreeMap<String, u64>,
    /// Attributes that were left out, because nothing is known that their values could be sent as.
    pub(crate) lost: u64,
}

impl Extras {
    pub(super) fn count(&mut self, what: Cow<'_, str>) {
        if let Some(count) = self.ignored.get_mut(&*what) {
            *count += 1;
        } else if self.ignored.len() < MAX_KINDS {
            self.ignored.insert(what.into_owned(), 1);
        } else {
            *self.ignored.entry("other things that OTLP does not know".to_owned()).or_default() += 1;
        }
    }
}

/// A text that was read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) request: ExportTraceServiceRequest,
    pub(crate) extras: Extras,
    /// Whether it is a request of other signals alone.
    pub(crate) is_of_other_signals: bool,
}

/// Why a text is no request, and where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotTraces {
    /// A byte of the text; none where all of it is meant.
    pub(crate) offset: Option<usize>,
    pub(crate) reason: String,
}

/// What is wrong with a value, and where it stands.
#[derive(Debug)]
struct Fault {
    path: String,
    what: Cow<'static, str>,
    is_syntax: bool,
}

impl Fault {
    fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { path: String::new(), what: what.into(), is_syntax: false }
    }

    /// One level further out.
    fn inside(mut self, step: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path.insert_str(0, dot);
        self.path.insert_str(0, step);
        self
    }
}

impl From<JsonError> for Fault {
    fn from(error: JsonError) -> Self {
        let what = match error {
            JsonError::Syntax => "is no JSON",
            JsonError::TooDeep => "is nested deeper than OTLP decoders go",
            JsonError::RepeatedKey => "repeats a key",
        };
        Self { is_syntax: true, ..Self::new(what) }
    }
}

/// What is carried through a text.
struct State {
    extras: Extras,
    /// Bytes that the messages may still take.
    left: u64,
}

impl State {
    fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self
            .left
            .checked_sub(bytes as u64)
            .ok_or_else(|| Fault::new("is more than this command may decode at once: see --memory-limit"))?;
        Ok(())
    }
}

const OTHER_SIGNALS: [(&str, &str); 3] =
    [("resourceLogs", "logs"), ("resourceMetrics", "metrics"), ("resourceProfiles", "profiles")];

/// Reads one request, whose messages take at most `budget` bytes.
pub(crate) fn parse(text: &[u8], budget: u64) -> Result<Parsed, NotTraces> {
    let text = std::str::from_utf8(text)
        .map_err(|err| NotTraces { offset: Some(err.valid_up_to()), reason: "is not UTF-8".to_owned() })?;
    let mut reader = JsonReader::with_depth(text, MAX_NESTING);
    let mut state = State { extras: Extras::default(), left: budget };
    let mut spans = None;
    let (mut others, mut keys) = (Vec::new(), Vec::new());
    let read = reader
        .object_of(|reader, key| {
            if key == "resourceSpans" || key == "resource_spans" {
                if spans.is_some() {
                    return Err(Fault::new("is named twice").inside(key));
                }
                state.note_spelling(key);
                spans = Some(fields::resource_spans(reader, &mut state).map_err(|fault| fault.inside(key))?);
                return Ok(());
            }
            match OTHER_SIGNALS.iter().find(|(name, _)| fields::is_named(key, name)) {
                Some((_, signal)) => others.push(*signal),
                None => keys.push(key.to_owned()),
            }
            keys.truncate(MAX_KINDS);
            Ok(reader.skip_value()?)
        })
        .and_then(|()| Ok(reader.end()?));
    if let Err(Fault { path, what, is_syntax }) = read {
        // A foreign file is told by its keys rather than by its first odd value.
        let offset = is_syntax.then(|| reader.position().min(text.len()));
        let space = if path.is_empty() { "" } else { " " };
        let path = if path.is_empty() { path } else { format!("`{path}`") };
        return Err(NotTraces { offset, reason: format!("{path}{space}{what}") });
    }
    let mut extras = state.extras;
    for signal in &others {
        extras.count(Cow::Owned(if spans.is_some() {
            format!("{signal} beside the spans of a request")
        } else {
            format!("request of {signal}")
        }));
    }
    let is_of_other_signals = spans.is_none() && !others.is_empty();
    if spans.is_none() && others.is_empty() && !keys.is_empty() {
        return Err(NotTraces { offset: None, reason: foreign::of_keys(&keys) });
    }
    for key in keys {
        extras.count(Cow::Owned(format!("unknown field `{key}`")));
    }
    let request = ExportTraceServiceRequest { resource_spans: spans.unwrap_or_default() };
    Ok(Parsed { request, extras, is_of_other_signals })
}

#[cfg(test)]
mod tests;
