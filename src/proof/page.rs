//! A proof as a document: the verdict, what is wrong, and a line for each defect.

use super::{
    matrix::{Figures, Line, figures, holds, lines, number, told, words},
    selftest::{DefectKind, Proof, Tried},
};
use crate::{
    report::{
        document::{Block, Document, Fact, Level, Line as Text, Section, Style, Table},
        figure::{Bar, Bars, Figure, KeyFigure, Tone},
        table::Align,
    },
    text::numbers::{counted, percent},
};

pub(crate) const NAME: &str = "e2e-store selftest";

pub(crate) fn document(proof: &Proof) -> Document {
    let figures = figures(proof);
    let mut document = Document::default();
    document.add(verdict(proof));
    document.add(summary(&figures));
    document.add(wrong(proof));
    document.add(by_kind(proof));
    for kind in [DefectKind::Damage, DefectKind::Fault] {
        document.add(defects(proof, kind));
    }
    document.add(clean(proof));
    document
}

fn verdict(proof: &Proof) -> Section {
    let line = if holds(proof) {
        Text::styled(Style::Good, "PASS").and("  every defect was found, and nothing else")
    } else {
        Text::styled(Style::Bad, "FAIL").and("  the audit does not say what was planted")
    };
    Section::headed(Level::Report, line, [])
}

fn summary(figures: &Figures) -> Section {
    let key = |value: String, label, is_good: bool| {
        let tone = if is_good { Tone::Good } else { Tone::Bad };
        KeyFigure { value, label, tone }
    };
    let key_figures = vec![
        KeyFigure { value: number(figures.defects), label: "defects planted", tone: Tone::Neutral },
        key(format!("{:.3}", figures.recall()), "recall", figures.found == figures.expected),
        key(
            number(figures.alarms + figures.false_alarms),
            "false alarms",
            figures.alarms + figures.false_alarms == 0,
        ),
        key(number(figures.astray), "findings elsewhere", figures.astray == 0),
    ];
    let facts = words(figures).into_iter().map(|(name, value)| Fact::new(name, value)).collect();
    Section::new([Block::Figure(Figure::KeyFigures(key_figures)), Block::Facts(facts)])
}

/// Nothing where nothing is wrong.
fn wrong(proof: &Proof) -> Section {
    let silent = proof.clean.iter().filter(|clean| !clean.fired.is_empty());
    let alarms = silent.map(|clean| Fact::new(clean.what.as_str(), format!("not silent: {}", clean.fired)));
    let of_defect = |tried: &Tried| {
        let Tried { defect, seed, run, schema, .. } = tried;
        let label = Text::code(defect).and(format!(", schema {}, seed {seed}, run {run}", schema.version()));
        let told = tried.wrong.iter().map(|wrong| Text::from(told(wrong)));
        Fact::lines(label, told.chain([format!("fired: {}", tried.fired).into()]))
    };
    let defects = proof.tried.iter().filter(|tried| !tried.wrong.is_empty()).map(of_defect);
    let facts: Vec<Fact> = alarms.chain(defects).collect();
    if facts.is_empty() {
        return Section::default();
    }
    Section::headed(Level::Part, "What is wrong", [Block::Facts(facts)])
}

fn by_kind(proof: &Proof) -> Section {
    let lines = lines(proof);
    let bar = |kind: DefectKind| {
        let of_kind = || lines.iter().filter(|((one, _), _)| *one == kind).map(|(_, line)| line);
        let all = of_kind().count();
        let right = of_kind().filter(|line| line.is_right()).count();
        let share = right as f64 / all.max(1) as f64;
        (all > 0).then(|| Bar {
            label: title(kind).to_owned(),
            share,
            tone: if right == all { Tone::Good } else { Tone::Bad },
            numbers: vec![number(right), number(all), percent(share)],
        })
    };
    let rows: Vec<Bar> = [DefectKind::Damage, DefectKind::Fault].into_iter().filter_map(bar).collect();
    let header = ["kind", "as expected", "right", "planted", "share"].map(str::to_owned).to_vec();
    let bars = Bars { header, rows, note: None };
    Section::headed(Level::Part, "By kind", [Block::Figure(Figure::Bars(bars))])
}

fn title(kind: DefectKind) -> &'static str {
    match kind {
        DefectKind::Damage => "Damage to stores and ledgers",
        DefectKind::Fault => "Faults of the stand-in",
    }
}

fn defects(proof: &Proof, kind: DefectKind) -> Section {
    let lines = lines(proof);
    let row = |((_, defect), line): (&(DefectKind, &str), &Line)| {
        let style = if line.is_right() { Style::Good } else { Style::Bad };
        vec![
            Text::code(*defect),
            Text::from(Line::expected(&line.by_run)),
            Text::from(Line::expected(&line.by_structure)),
            Text::from(number(line.places)),
            Text::styled(style, line.verdict()),
        ]
    };
    let rows: Vec<Vec<Text>> = lines.iter().filter(|((one, _), _)| *one == kind).map(row).collect();
    if rows.is_empty() {
        return Section::default();
    }
    let header = [
        ("defect", Align::Left),
        ("found by", Align::Left),
        ("by structure", Align::Left),
        ("places", Align::Right),
        ("result", Align::Left),
    ];
    let header = header.map(|(name, align)| (name.to_owned(), align)).to_vec();
    Section::headed(Level::Part, title(kind), [Block::Table(Table { header, rows, ..Table::default() })])
}

fn clean(proof: &Proof) -> Section {
    let audits: Vec<Text> = proof.clean.iter().map(|clean| Text::from(clean.what.as_str())).collect();
    let title = format!("{} of clean stores and runs", counted(audits.len() as u64, "audit"));
    Section::headed(Level::Part, title, [Block::List(audits)]).folded()
}

#[cfg(test)]
mod tests {
    use super::{
        super::selftest::{CleanRun, Wrong},
        *,
    };
    use crate::{
        contract::schema::Schema,
        report::{
            html,
            page::{self, Page},
        },
    };

    fn tried(defect: &str, wrong: Vec<Wrong>) -> Tried {
        Tried {
            defect: defect.to_owned(),
            kind: DefectKind::Damage,
            schema: Schema::V2,
            seed: 0,
            run: "latest",
            expected: "lost_spans 3".to_owned(),
            fired: "lost_spans 2".to_owned(),
            places: 3,
            wrong,
        }
    }

    fn proof(tried: Vec<Tried>) -> Proof {
        let clean = vec![CleanRun { what: "a store".to_owned(), fired: String::new() }];
        Proof { seeds: 1, tried, clean }
    }

    #[test]
    fn a_page_says_first_whether_the_proof_holds_and_then_what_is_wrong() {
        let holds = html::render(&document(&proof(vec![tried("drop_rows", Vec::new())])), NAME);
        assert!(holds.contains("every defect was found") && !holds.contains("What is wrong"), "{holds}");
        let missed = Wrong::Missed("lost_spans 3".to_owned());
        let broken = document(&proof(vec![tried("drop_rows", vec![missed])]));
        let text = page::render(&broken, Page::UNBOUNDED);
        assert!(text.starts_with("FAIL"), "{text}");
        for part in ["missed: lost_spans 3", "fired: lost_spans 2", "WRONG 1 of 1", "a store"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
