//! A trace for the terminal: its files, its tree with a waterfall, its stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::Write,
    time::Duration,
};

use self::{
    details::details,
    waterfall::{Row, Scale},
};
use super::{
    document::{Block, Document, Fact, Line as TextLine, Section, Style, Value, and_more},
    page::{self, Page},
};
use crate::{
    text::{
        escape::plain,
        numbers::{counted, duration, grouped, moment, service, short},
        paint::Paint,
        shell,
    },
    trace::{
        Place, Trace,
        span::Span,
        state::{End, Store},
        tree::{Line, What},
    },
};

pub(crate) mod json;

mod details;
mod waterfall;

/// Columns where nothing says how many there are.
const DEFAULT_WIDTH: usize = 120;
const UNREAD_SHOWN: usize = 10;

/// How a trace is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) paint: Paint,
    pub(crate) width: Option<usize>,
    /// Spans to show.
    pub(crate) limit: usize,
}

/// Short names of the files, `c1` for the first cold one.
#[derive(Debug, Default)]
struct Legend {
    names: BTreeMap<String, String>,
    lines: Vec<(String, String, u64)>,
}

pub(crate) fn print(out: &mut dyn Write, trace: &Trace, look: &Look) -> anyhow::Result<()> {
    let legend = Legend::of(trace);
    let page = Page { paint: look.paint, width: look.width };
    let facts = |facts: Vec<Fact>| {
        let mut document = Document::default();
        document.add(Section::new((!facts.is_empty()).then_some(Block::Facts(facts))));
        page::render(&document, page)
    };
    let mut text = facts(head(trace, &legend)) + "\n";
    let width = look.width.unwrap_or(DEFAULT_WIDTH);
    let shown = lines_shown(&trace.lines, look.limit);
    let rows: Vec<Row> = rows(trace, shown, &legend);
    text.push_str(&waterfall::render(&rows, &Scale::of(trace), width, look.paint));
    let spans_shown = shown.iter().filter(|line| !matches!(line.what, What::Gap(_))).count();
    if spans_shown < trace.spans.len() {
        let hidden = counted((trace.spans.len() - spans_shown) as u64, "more span");
        writeln!(text, "\n{hidden}: --limit {} shows all", trace.spans.len())?;
    }
    if !trace.stores.is_empty() {
        text.push('\n');
        text.push_str(&facts(vec![stores(&trace.stores)]));
    }
    out.write_all(text.as_bytes())?;
    Ok(())
}

impl Legend {
    fn of(trace: &Trace) -> Self {
        let mut rows: BTreeMap<(crate::store::layout::Tier, &str), u64> = BTreeMap::new();
        for place in trace.spans.iter().flat_map(|span| &span.places) {
            *rows.entry((place.tier, &place.file)).or_default() += 1;
        }
        let mut legend = Self::default();
        let mut numbers = BTreeMap::new();
        for ((tier, file), rows) in rows {
            let number = numbers.entry(tier).or_insert(0);
            *number += 1;
            let name = format!("{}{number}", &tier.name()[..1]);
            legend.names.insert(file.to_owned(), name.clone());
            legend.lines.push((name, file.to_owned(), rows));
        }
        legend
    }

    fn place(&self, place: &Place) -> String {
        format!("{}:{}", self.names.get(&place.file).map_or("?", String::as_str), place.row)
    }
}

fn head(trace: &Trace, legend: &Legend) -> Vec<Fact> {
    let (start, end) = trace.interval();
    let services: BTreeSet<&str> = trace.spans.iter().map(|span| span.row.service_name.as_str()).collect();
    let of = match services.len() {
        1 => service(services.first().copied().unwrap_or_default()),
        many => counted(many as u64, "service"),
    };
    let spans = counted(trace.spans.len() as u64, "span");
    let (took, start) = (duration(between(start, end)), moment(start.cast_unsigned()));
    let what = match trace.timed().next() {
        Some(_) => format!("{spans} of {of}, {took} from {start}"),
        None => format!("{spans} of {of}, without times"),
    };
    let mut facts = vec![Fact::lines("trace", [TextLine::code(&trace.id), what.into()])];
    let files = legend.lines.iter();
    let files = files.map(|(name, file, rows)| format!("{name}  {file}  {}", counted(*rows, "row")).into());
    facts.push(Fact::lines("files", files));
    let unread = trace.unread.iter().take(UNREAD_SHOWN);
    facts.extend(
        unread.map(|one| Fact::new("not read", TextLine::code(&one.file).and(format!(": {}", one.why)))),
    );
    facts.extend(and_more(trace.unread.len(), UNREAD_SHOWN, "").map(|more| Fact::new("", more)));
    facts.extend(
        remarks(trace).into_iter().map(|remark| Fact::new("note", TextLine::styled(Style::Doubtful, remark))),
    );
    facts.extend(page_command(trace));
    facts
}

/// What predicts the studio's page of the trace.
fn page_command(trace: &Trace) -> Option<Fact> {
    let store = trace.indexed_store.as_ref()?.display().to_string();
    let words = ["e2e-store", "ui", &store, "--trace", &trace.id].map(str::to_owned);
    Some(Fact { label: "page".into(), value: Value::Command(shell::command(&words)) })
}

/// What a reader of the tree should not overlook.
fn remarks(trace: &Trace) -> Vec<String> {
    let count =
        |wanted: fn(&What) -> bool| trace.lines.iter().filter(|line| wanted(&line.what)).count() as u64;
    let gaps = count(|what| matches!(what, What::Gap(_)));
    let circles = count(|what| matches!(what, What::Circle(_)));
    let roots = trace.spans.iter().filter(|span| span.parent().is_none()).count() as u64;
    let repeated = trace.spans.iter().filter(|span| span.is_repeated()).count() as u64;
    let differing = trace.spans.iter().filter(|span| !span.differing.is_empty()).count() as u64;
    let findings = trace.findings.values().map(Vec::len).sum::<usize>() as u64;
    let mut remarks = Vec::new();
    if findings > 0 {
        remarks
            .push(format!("{} of Junjo's own evidence, at its places below", counted(findings, "finding")));
    }
    if !trace.unread.is_empty() {
        remarks.push("rows of this trace may lie in what could not be read".to_owned());
    }
    if gaps > 0 {
        remarks.push(format!(
            "{} not stored",
            if gaps == 1 { "1 parent is".to_owned() } else { format!("{} parents are", grouped(gaps)) }
        ));
    }
    if circles > 0 {
        remarks.push(format!("parents lead back to where they began: {}", counted(circles, "circle")));
    }
    if roots > 1 {
        remarks.push(format!("{} roots", grouped(roots)));
    }
    if repeated > 0 {
        let spans = counted(repeated, "span");
        remarks.push(format!("{spans} stored more than once (copies in the hot snapshot are not counted)"));
    }
    if differing > 0 {
        remarks.push(format!("{} whose copies differ", counted(differing, "span")));
    }
    remarks
}

/// The lines up to so many spans.
fn lines_shown(lines: &[Line], limit: usize) -> &[Line] {
    let is_span = |line: &Line| !matches!(line.what, What::Gap(_));
    let mut spans = 0;
    let end = lines.iter().position(|line| {
        spans += usize::from(is_span(line));
        spans > limit
    });
    &lines[..end.unwrap_or(lines.len())]
}

fn rows(trace: &Trace, lines: &[Line], legend: &Legend) -> Vec<Row> {
    let mut services: Vec<String> = Vec::new();
    lines
        .iter()
        .enumerate()
        .map(|(place, line)| {
            let has_children = lines.get(place + 1).is_some_and(|next| next.depth > line.depth);
            let mut row = match &line.what {
                What::Gap(id) => Row { name: format!("({} is not stored)", plain(id)), ..Row::default() },
                What::Span(index) | What::Circle(index) => {
                    span_row(&trace.spans[*index], matches!(line.what, What::Circle(_)), legend)
                }
            };
            services.truncate(line.depth);
            row.service_is_new = !row.is_gap() && services.last() != Some(&row.service);
            services.push(if row.is_gap() { String::new() } else { row.service.clone() });
            row.depth = line.depth;
            row.last = line.last;
            row.has_children = has_children;
            if let What::Span(index) | What::Circle(index) = line.what {
                row.details = details(trace, index, legend);
            }
            row
        })
        .collect()
}

fn span_row(span: &Span, circle: bool, legend: &Legend) -> Row {
    let row = &span.row;
    let name =
        if circle { format!("{} (its parents lead back to it)", plain(&row.name)) } else { plain(&row.name) };
    let places = match span.places.as_slice() {
        [one] => legend.place(one),
        [one, other] => format!("{} {}", legend.place(one), legend.place(other)),
        [one, others @ ..] => format!("{} +{}", legend.place(one), others.len()),
        [] => String::new(),
    };
    Row {
        name,
        service: service(&row.service_name),
        status: status(span),
        places,
        took: took(row.duration_ns),
        interval: Some((row.start_time, row.end_time)),
        ..Row::default()
    }
}

fn status(span: &Span) -> String {
    let cancelled = span.attributes.get("junjo.cancelled") == Some(&serde_json::Value::Bool(true));
    match span.row.status_code {
        0 if cancelled => "cancelled".to_owned(),
        0 => "unset".to_owned(),
        1 => "ok".to_owned(),
        2 => "ERROR".to_owned(),
        other => other.to_string(),
    }
}

fn took(nanos: i64) -> String {
    let text = duration(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{text}") } else { text }
}

fn between(start: i64, end: i64) -> Duration {
    Duration::from_nanos(u64::try_from(i128::from(end) - i128::from(start)).unwrap_or_default())
}

const STORES_SHOWN: usize = 20;

fn stores(stores: &[Store]) -> Fact {
    let line = |store: &Store| {
        let found = store.transitions.len() as u64;
        let changes = match store.recorded {
            Some(recorded) if recorded != found => {
                format!("{} of {}", grouped(found), counted(recorded, "change"))
            }
            _ => counted(found, "change"),
        };
        let (style, end) = match (store.end, store.owner) {
            (End::AsRecorded, _) => (Style::Plain, "they lead to the recorded end"),
            (End::Differs, _) => (Style::Bad, "they do not lead to the recorded end"),
            (End::Unknown, Some(_)) => (Style::Doubtful, "where they lead is unknown"),
            (End::Unknown, None) => (Style::Doubtful, "its owner is not stored"),
        };
        let name = if store.name.is_empty() { String::new() } else { format!("{} ", short(&store.name, 60)) };
        TextLine::from(format!("{name}{}: {changes}, ", short(&store.id, 40))).and_styled(style, end)
    };
    let shown = stores.iter().take(STORES_SHOWN).map(line);
    Fact::lines("stores", shown.chain(and_more(stores.len(), STORES_SHOWN, "")))
}
