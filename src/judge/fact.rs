//! What is noted of a row that no known plan calls for: about a hundred bytes, whatever the row holds.

use super::{
    index_keys,
    interner::{Interner, RecentSymbols, Symbol},
    junjo::{self, Execution, Meaning, key::Key},
    malformed_ids::{IdForm, MalformedIds},
};
use crate::{
    contract::{
        digest::{Digester, hash},
        json_form::{self, Form},
        known_keys::KnownKeys,
        row::Cell,
        schema::{Schema, column},
    },
    store::rows::StoredCells,
    traffic::ids::RunId,
};

/// One stored row in numbers. Times are Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) parent: u64,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) duration: i64,
    /// The row's digest: copies of a span with the same content have the same.
    pub(crate) content: u64,
    pub(crate) execution: Execution,
    /// The run that the trace id names, in its 48 bits; [`Self::NO_RUN`] where it names none.
    pub(crate) run: u64,
    pub(crate) file: Symbol,
    /// From 0 within the file.
    pub(crate) row_number: u32,
    pub(crate) service: Symbol,
    /// The resource's `service.name`, where it is text.
    pub(crate) resource_service: Symbol,
    /// The tag `e2e.service`.
    pub(crate) tagged_service: Symbol,
    /// The resource's `service.instance.id`.
    pub(crate) instance: Symbol,
    pub(crate) marks: Marks,
}

/// Yes-or-no facts of a row, and the forms of its ids and its JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks(u64);

/// The ids of a row, in the order of their forms in [`Marks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Id {
    Trace,
    Span,
    Parent,
}

impl Marks {
    pub(crate) const IN_WAL: u64 = 1;
    /// The span's flags are known.
    pub(crate) const FLAGGED: u64 = 1 << 1;
    /// They say that the parent is in another process.
    pub(crate) const REMOTE_PARENT: u64 = 1 << 2;
    pub(crate) const EVENT_OUTSIDE: u64 = 1 << 3;
    /// It carries telemetry of Junjo's.
    pub(crate) const JUNJO: u64 = 1 << 31;
    /// A start, an end or a duration is null or unknown.
    pub(crate) const UNTIMED: u64 = 1 << 4;
    /// Columns that are never null, each with the mark that it is null here. Null ids and JSON have forms of their own.
    const NULLS: [(usize, u64); 12] = [
        (column::SERVICE_NAME, 1 << 5),
        (column::NAME, 1 << 6),
        (column::SPAN_KIND, 1 << 7),
        (column::START_TIME, 1 << 14),
        (column::END_TIME, 1 << 15),
        (column::DURATION_NS, 1 << 24),
        (column::STATUS_CODE, 1 << 25),
        (column::TRACE_FLAGS, 1 << 26),
        (column::DROPPED_ATTRIBUTES_COUNT, 1 << 27),
        (column::DROPPED_EVENTS_COUNT, 1 << 28),
        (column::DROPPED_LINKS_COUNT, 1 << 29),
        (column::RESOURCE_DROPPED_ATTRIBUTES_COUNT, 1 << 30),
    ];
    /// The studio takes the span for a call of a language model.
    pub(crate) const LLM: u64 = 1 << 32;
    const ID_FORMS: u32 = 8;
    const JSON_FORMS: u32 = 16;

    pub(crate) fn has(self, mark: u64) -> bool {
        self.0 & mark != 0
    }

    pub(crate) fn id_form(self, id: Id) -> IdForm {
        IdForm::from_bits((self.0 >> (Self::ID_FORMS + 2 * id as u32) & 0b11) as u32)
    }

    /// The form of one of [`column::JSON`].
    pub(crate) fn json_form(self, index: usize) -> Form {
        match self.0 >> (Self::JSON_FORMS + 2 * index as u32) & 0b11 {
            0 => Form::Canonical,
            1 => Form::Valid,
            2 => Form::DoubledKey,
            _ => Form::Invalid,
        }
    }

    /// The columns that are null and must not be.
    pub(crate) fn null_columns(self) -> impl Iterator<Item = usize> {
        Self::NULLS.into_iter().filter(move |(_, mark)| self.has(*mark)).map(|(column, _)| column)
    }

    fn set(&mut self, mark: u64, whether: bool) {
        self.0 |= if whether { mark } else { 0 };
    }

    fn set_id(&mut self, id: Id, form: IdForm) {
        self.0 |= u64::from(form.bits()) << (Self::ID_FORMS + 2 * id as u32);
    }

    fn set_json(&mut self, index: usize, form: Form) {
        self.0 |= (form as u64) << (Self::JSON_FORMS + 2 * index as u32);
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl Fact {
    /// More than the 48 bits of any run.
    pub(crate) const NO_RUN: u64 = u64::MAX;

    pub(crate) fn in_wal(&self) -> bool {
        self.marks.has(Marks::IN_WAL)
    }

    pub(crate) fn has_parent(&self) -> bool {
        !matches!(self.marks.id_form(Id::Parent), IdForm::Null | IdForm::Zero)
    }
}

/// Where a row lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) file: Symbol,
    pub(crate) row_number: u32,
    pub(crate) in_wal: bool,
}

/// What a row says.
pub(crate) struct Observed<'t> {
    pub(crate) fact: Fact,
    /// The run that its tag `e2e.run` names.
    pub(crate) tagged_run: Option<RunId>,
    /// The attributes of Junjo's that are judged, with their values as JSON; none where they cannot be read.
    pub(crate) judged: Option<Vec<(Key, &'t str)>>,
    /// A digest of the resource.
    pub(crate) resource: u64,
}

/// Turns rows of one file into facts.
#[derive(Debug)]
pub(crate) struct Observer<'s> {
    names: &'s Interner,
    odd: &'s MalformedIds,
    schema: Schema,
    digester: Digester,
    services: [RecentSymbols; 3],
    resource: LastResource,
    keys: KnownKeys<Meaning>,
}

/// What the last resource said; neighbouring rows mostly share theirs.
#[derive(Debug)]
struct LastResource {
    text: String,
    form: Form,
    service: Symbol,
    instance: Symbol,
    digest: u64,
}

impl<'s> Observer<'s> {
    pub(crate) fn new(names: &'s Interner, odd: &'s MalformedIds, schema: Schema) -> Self {
        let resource = LastResource {
            text: String::new(),
            form: Form::Invalid,
            service: Symbol::NONE,
            instance: Symbol::NONE,
            digest: 0,
        };
        let services = std::array::from_fn(|_| RecentSymbols::new());
        let keys = KnownKeys::new(Meaning::of);
        Self { names, odd, schema, digester: Digester::default(), services, resource, keys }
    }

    pub(crate) fn observe<'t>(
        &mut self,
        spot: Spot,
        cells: &StoredCells<'t>,
        run: Option<RunId>,
    ) -> Observed<'t> {
        let text = |column: usize| cells[column].and_then(Cell::text);
        let mut marks = Marks::default();
        marks.set(Marks::IN_WAL, spot.in_wal);
        let (trace, form) = self.odd.trace(text(column::TRACE_ID));
        marks.set_id(Id::Trace, form);
        let (span, form) = self.odd.span(text(column::SPAN_ID));
        marks.set_id(Id::Span, form);
        let (parent, form) = self.odd.span(text(column::PARENT_SPAN_ID));
        marks.set_id(Id::Parent, form);

        let time = |column: usize| cells[column].and_then(Cell::number);
        let times = (time(column::START_TIME), time(column::END_TIME), time(column::DURATION_NS));
        marks.set(Marks::UNTIMED, times.0.is_none() || times.1.is_none() || times.2.is_none());
        let (start_time, end_time) = (times.0.unwrap_or_default(), times.1.unwrap_or_default());

        for (column, mark) in Marks::NULLS {
            marks.set(mark, cells[column] == Some(Cell::Null));
        }

        let flags = time(column::TRACE_FLAGS);
        marks.set(Marks::FLAGGED, flags.is_some());
        marks.set(Marks::REMOTE_PARENT, flags.is_some_and(|flags| flags & 0x200 != 0));

        let mut attributes = junjo::Attributes::default();
        let form = look_at_attributes(cells, &mut self.keys, &mut attributes);
        marks.set_json(0, form);
        let may_be_llm = form != Form::Canonical || attributes.names_llm;
        marks.set(Marks::LLM, may_be_llm && text(column::ATTRIBUTES).is_some_and(index_keys::is_llm));
        let mut outside = false;
        let form = whole(cells, column::EVENTS, |text| {
            json_form::events(text, self.schema, |at| {
                outside |= at < start_time || (at > end_time && attributes.is_timed_by_junjo());
            })
        });
        marks.set_json(1, form);
        // What stands before an error in a text says nothing.
        let is_read = form != Form::Invalid;
        marks.set(Marks::EVENT_OUTSIDE, outside && is_read && !marks.has(Marks::UNTIMED));
        marks.set_json(2, whole(cells, column::LINKS, json_form::links));
        let events = text(column::EVENTS).unwrap_or_default();
        marks.set(Marks::JUNJO, attributes.is_junjo || events.len() > 2 && events.contains("\"junjo."));
        self.look_at_resource(cells);
        marks.set_json(3, self.resource.form);

        let fact = Fact {
            trace,
            span,
            parent,
            start_time,
            end_time,
            duration: times.2.unwrap_or_default(),
            content: self.digester.in_process(cells, self.schema),
            execution: attributes.execution(),
            run: run.map_or(Fact::NO_RUN, RunId::bits),
            file: spot.file,
            row_number: spot.row_number,
            service: self.services[0].name(self.names, text(column::SERVICE_NAME)),
            resource_service: self.resource.service,
            tagged_service: self.services[1].name(self.names, attributes.service.as_deref()),
            instance: self.resource.instance,
            marks,
        };
        let is_read = matches!(marks.json_form(0), Form::Canonical | Form::Valid);
        Observed {
            fact,
            tagged_run: attributes.run.and_then(|run| run.parse().ok()),
            judged: is_read.then_some(attributes.judged),
            resource: self.resource.digest,
        }
    }

    fn look_at_resource(&mut self, cells: &StoredCells<'_>) {
        let Some(text) = cells[column::RESOURCE_ATTRIBUTES].and_then(Cell::text) else {
            self.resource.text.clear();
            self.resource.form = whole(cells, column::RESOURCE_ATTRIBUTES, |_| Form::Invalid);
            (self.resource.service, self.resource.instance) = (Symbol::NONE, Symbol::NONE);
            self.resource.digest = 0;
            return;
        };
        if self.resource.text == text {
            return;
        }
        let mut found = junjo::Attributes::default();
        let (form, all_given) =
            json_form::object_of(text, &mut self.keys, |key, value| found.note(*key, value));
        self.resource.form = form;
        if !all_given {
            found = junjo::Attributes::of_general(text);
        }
        self.resource.service = self.services[2].name(self.names, found.service_name.as_deref());
        self.resource.instance =
            found.instance.as_deref().map_or(Symbol::NONE, |instance| self.names.name(instance));
        self.resource.digest = hash(text.as_bytes());
        text.clone_into(&mut self.resource.text);
    }
}

fn look_at_attributes<'t>(
    cells: &StoredCells<'t>,
    keys: &mut KnownKeys<Meaning>,
    found: &mut junjo::Attributes<'t>,
) -> Form {
    let Some(text) = cells[column::ATTRIBUTES].and_then(Cell::text) else {
        return whole(cells, column::ATTRIBUTES, |_| Form::Invalid);
    };
    let (form, all_given) = json_form::object_of(text, keys, |key, value| found.note(*key, value));
    if !all_given {
        *found = junjo::Attributes::of_general(text);
    }
    form
}

/// A column that the file lacks is unknown, which is no fault of its form; a null is no JSON.
fn whole<'t>(cells: &StoredCells<'t>, column: usize, of: impl FnOnce(&'t str) -> Form) -> Form {
    match cells[column] {
        None => Form::Canonical,
        Some(Cell::Text(text)) => of(text),
        Some(Cell::Null | Cell::Number(_)) => Form::Invalid,
    }
}
