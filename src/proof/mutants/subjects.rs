//! What is mutated: the checks, and the views that checks and people read.

use super::{
    found::Kill,
    mutate::{Mutant, inlined, mutants},
};
use crate::checks::{
    catalog::{Check, Examines, Needs, built_in},
    grammar,
};

/// A check, or a view as one, and its mutants.
pub(super) struct Subject {
    pub(super) original: Check,
    /// The check that damages name it by.
    pub(super) check: String,
    /// Whether the matrix demands anything of it: of a view it does not.
    pub(super) is_of_matrix: bool,
    pub(super) mutants: Vec<Candidate>,
}

/// A mutant, and what has become of it.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) sql: String,
    /// What the engine does not take is no mistake that anybody could make.
    pub(super) is_refused: bool,
    /// The strongest that has shown it, and the case.
    pub(super) shown: Option<(Kill, String)>,
}

impl From<Mutant> for Candidate {
    fn from(Mutant { name, sql }: Mutant) -> Self {
        Self { name, sql, is_refused: false, shown: None }
    }
}

impl Candidate {
    /// Whether more can be learnt of it.
    pub(super) fn is_open(&self) -> bool {
        !self.is_refused && !matches!(self.shown, Some((Kill::Demand, _)))
    }

    pub(super) fn was_shown(&mut self, kill: Option<Kill>, case: &str) {
        if let Some(kill) = kill
            && self.shown.as_ref().is_none_or(|(before, _)| *before < kill)
        {
            self.shown = Some((kill, case.to_owned()));
        }
    }
}

impl Subject {
    fn of(original: Check) -> Self {
        let mutants = mutants(&original.sql).into_iter().map(Candidate::from).collect();
        Self { check: original.id.clone(), original, is_of_matrix: true, mutants }
    }

    fn beside_the_matrix(original: Check) -> Self {
        Self { is_of_matrix: false, ..Self::of(original) }
    }

    /// Those that the engine takes.
    pub(super) fn judged(&self) -> impl Iterator<Item = &Candidate> {
        self.mutants.iter().filter(|mutant| !mutant.is_refused)
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Candidate> {
        self.judged().filter(|mutant| mutant.shown.is_none())
    }

    /// Those that nothing stronger has shown.
    pub(super) fn shown_by(&self, kill: Kill) -> impl Iterator<Item = (&Candidate, &str)> {
        self.judged().filter_map(move |mutant| match &mutant.shown {
            Some((shown, case)) if *shown == kill => Some((mutant, case.as_str())),
            _ => None,
        })
    }
}

/// What a view finds is all of its rows.
fn view(id: &str, sql: &str) -> anyhow::Result<Check> {
    let mut check = built_in()?.into_iter().find(|check| check.id == "null_values").expect("a check of rows");
    id.clone_into(&mut check.id);
    sql.clone_into(&mut check.sql);
    (check.needs, check.examines) = (Needs::Nothing, Examines::Entries);
    Ok(check)
}

pub(super) fn subjects() -> anyhow::Result<Vec<Subject>> {
    let checks = built_in()?;
    let copies = include_str!("../../../sql/views/duplicated_spans.sql");
    let mut subjects = Vec::new();
    for reader in checks.iter().filter(|check| check.sql.contains("duplicated_spans")) {
        // Mutants of the view alone, as this check meets them.
        let with = |view: &str| inlined(&reader.sql, "duplicated_spans", view);
        let mutants = mutants(copies).into_iter().map(|mutant| Mutant { sql: with(&mutant.sql), ..mutant });
        let id = format!("{} by the view duplicated_spans", reader.id);
        let original = Check { id, sql: with(copies), needs: Needs::Nothing, ..reader.clone() };
        let mutants = mutants.map(Candidate::from).collect();
        subjects.push(Subject { check: reader.id.clone(), original, is_of_matrix: true, mutants });
    }
    subjects.extend(checks.into_iter().map(Subject::of));
    let others = [
        view("the view traces", include_str!("../../../sql/views/traces.sql"))?,
        view("the view services", include_str!("../../../sql/views/services.sql"))?,
        grammar::parse("lost_acks", "delivery", include_str!("../../../sql/chaos/lost_acks.sql"))
            .map_err(anyhow::Error::msg)?,
    ];
    subjects.extend(others.into_iter().map(Subject::beside_the_matrix));
    Ok(subjects)
}
