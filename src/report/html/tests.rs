use std::collections::BTreeSet;

use serde_json::json;

use super::render;
use crate::{
    audit::evidence::{Column, Sample},
    report::{
        document::{Block, Document, Fact, Level, Line, Samples, Section, Style, Table, Value},
        figure::{
            Axis, Bar, Bars, Figure, Heat, HeatCell, HeatRow, KeyFigure, Mark, Plot, Series, Shape, Tone,
        },
        table::Align,
    },
};

/// What a page must show and never obey.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title><b>&amp;\u{202e}\u{0}",
    "javascript:alert(1)",
];

fn line(text: &str, style: Style) -> Line {
    Line::styled(style, text)
}

/// Every block and every figure, with a text from outside wherever one can be.
fn document(text: &str) -> Document {
    let plot = |x| Plot {
        title: text.to_owned(),
        summary: text.to_owned(),
        x,
        y: Axis::Amount,
        series: [Shape::Area, Shape::Line, Shape::Columns, Shape::Dots]
            .map(|shape| Series {
                name: text.to_owned(),
                tone: Tone::Good,
                shape,
                points: vec![(0.0, 1.0), (1.0, 2.0)],
            })
            .into(),
        marks: vec![Mark { x: 0.5, name: text.to_owned(), tone: Tone::Bad }],
    };
    let styles =
        [Style::Plain, Style::Code, Style::Strong, Style::Good, Style::Bad, Style::Doubtful, Style::Quiet];
    let sample =
        Sample { id: text.to_owned(), values: json!({ text: text, "n": 7 }).as_object().unwrap().clone() };
    let column = |name: &str| Column { name: name.to_owned(), is_number: name == "n" };
    let samples = Samples {
        named: "finding",
        columns: vec![column(text), column("n")],
        rows: vec![sample; 12],
        commands: vec![Some(text.to_owned()); 12],
    };
    let bar = |share| Bar { label: text.to_owned(), share, tone: Tone::Bad, numbers: vec!["1".to_owned()] };
    let heat = HeatRow {
        label: text.to_owned(),
        cells: vec![HeatCell { count: 0, tone: Tone::Good }, HeatCell { count: 9, tone: Tone::Bad }],
    };
    let blocks = vec![
        Block::Paragraph(line(text, Style::Plain)),
        Block::List(styles.map(|style| line(text, style)).into()),
        Block::Facts(vec![
            Fact::new(text, text),
            Fact { label: "".into(), value: Value::Prose(text.to_owned()) },
            Fact { label: "c".into(), value: Value::Command(text.to_owned()) },
        ]),
        Block::Table(Table {
            header: vec![(text.to_owned(), Align::Left), (text.to_owned(), Align::Right)],
            rows: vec![vec![text.into(), text.into()], vec![text.into()]],
            ..Table::default()
        }),
        Block::Samples(samples),
        Block::Code { language: "sql", text: text.to_owned() },
        Block::Figure(Figure::KeyFigures(vec![KeyFigure {
            value: text.to_owned(),
            label: "spans",
            tone: Tone::Good,
        }])),
        Block::Figure(Figure::Bars(Bars {
            header: ["a", "b", "c"].map(str::to_owned).into(),
            rows: [0.0, 0.5, 1.0, 7.0, f64::NAN].map(bar).into(),
            note: Some(text.to_owned()),
        })),
        Block::Figure(Figure::Heat(Heat {
            corner: text.to_owned(),
            columns: vec![text.to_owned(), text.to_owned()],
            rows: vec![heat],
        })),
        Block::Figure(Figure::Plot(plot(Axis::Seconds))),
        Block::Figure(Figure::Plot(plot(Axis::Classes(vec![text.to_owned(), text.to_owned()])))),
    ];
    let mut document = Document::default();
    document.add(Section::headed(Level::Report, line(text, Style::Bad), [Block::Paragraph(text.into())]));
    document.add(Section::headed(Level::Part, text, blocks.clone()));
    document.add(Section::headed(Level::Part, line(text, Style::Strong), blocks).folded());
    document
}

/// Tags with their attributes, as a strict reader sees them: an unescaped `<` or quote would break it.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let body = match page.split_once("<style>") {
        Some((before, rest)) => format!("{before}{}", rest.split_once("</style>").unwrap().1),
        None => page.to_owned(),
    };
    let mut tags = Vec::new();
    for rest in body.split('<').skip(1) {
        let (tag, text) = rest.split_once('>').expect("each < begins a tag");
        assert!(!text.contains('>') || !text.contains("on"), "text outside of tags: {text}");
        let (name, mut attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        let mut found = Vec::new();
        while let Some((key, rest)) = attributes.split_once('=') {
            let rest = rest.strip_prefix('"').expect("attributes are quoted");
            let (value, rest) = rest.split_once('"').expect("quotes are closed");
            found.push((key.trim().to_owned(), value.to_owned()));
            attributes = rest;
        }
        tags.push((name.to_owned(), found));
    }
    tags
}

#[test]
fn text_from_outside_is_shown_and_never_obeyed() {
    let harmless = tags(&render(&document("text"), "e2e-store"));
    let shape = |tags: &[(String, Vec<(String, String)>)]| -> Vec<(String, Vec<String>)> {
        let keys = |(name, attributes): &(String, Vec<(String, String)>)| {
            (name.clone(), attributes.iter().map(|(key, _)| key.clone()).collect())
        };
        tags.iter().map(keys).collect()
    };
    for text in HOSTILE {
        let page = render(&document(text), "e2e-store");
        assert_eq!(shape(&tags(&page)), shape(&harmless), "{text}: another text must not change the tags");
        assert!(!page.contains(['\u{202e}', '\0']), "{text}");
    }
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let page = render(&document("text"), "e2e-store");
    let known = ["http://www.w3.org/2000/svg"];
    let urls: BTreeSet<&str> = page.split('"').filter(|value| value.contains("://")).collect();
    assert!(urls.iter().all(|url| known.contains(url)), "{urls:?}");
    for word in ["<script", "<link", "<img", "<iframe", "@import", "url(", "javascript:"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
}

#[test]
fn a_page_is_well_formed() {
    let page = render(&document("text"), "e2e-store");
    let tags = tags(&page);
    let void = ["!DOCTYPE", "meta", "br", "hr"];
    let mut open: Vec<&str> = Vec::new();
    for (name, _) in &tags {
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if void.contains(&name.as_str()) || closes_itself(name) => {}
            None => open.push(name),
        }
    }
    let ids: Vec<&String> = tags
        .iter()
        .flat_map(|(_, attributes)| attributes)
        .filter(|(key, _)| key == "id")
        .map(|(_, id)| id)
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique");
    let links = tags.iter().flat_map(|(_, attributes)| attributes).filter(|(key, _)| key == "href");
    for (_, link) in links {
        assert!(ids.iter().any(|id| Some(id.as_str()) == link.strip_prefix('#')), "{link} leads nowhere");
    }
}

/// Shapes of a drawing close themselves.
fn closes_itself(name: &str) -> bool {
    ["rect", "polyline", "polygon", "line", "circle"].contains(&name)
}

#[test]
fn many_samples_are_folded_and_none_is_left_out() {
    let page = render(&document("text"), "e2e-store");
    assert!(page.contains("7 more of the samples"), "12 rows, 5 of them open");
    assert_eq!(page.matches("<tr class=\"way\">").count(), 24, "each row has its command");
}
