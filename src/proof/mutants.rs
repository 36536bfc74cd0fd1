//! Mutants of the checks: small mistakes in their SQL, each of which some planted defect has to show.
//!
//! A store that was judged once is asked by a check and by all of its mutants that are still alive. One that finds
//! anything else than the check is killed: by the number of findings or the verdict, as the matrix demands them, or by
//! the rows alone. What lives through the whole library, all faults and the stores of the tests is equivalent, with a
//! reason in [`EQUIVALENT`], or the matrix lacks a case. `scripts/mutants` runs it.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, time::Duration};

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use self::{
    equivalent::EQUIVALENT,
    mutate::{Mutant, inlined, mutants},
};
use super::{
    damages,
    selftest::{Grounds, named_run, once},
    trial::{Scene, Trial},
};
use crate::{
    audit::{AuditOptions, read},
    checks::{
        catalog::{Check, Examines, Needs, built_in},
        findings::SampleLimits,
        grammar,
        runner::{Checked, Verdict, run_checks},
    },
    judge::{reading::OldFiles, runs::choose_runs},
    standin::faults::catalogue,
    store::find::find_store,
};

mod equivalent;
mod mutate;

/// More than any finding of a planted defect.
const SAMPLES: usize = 100_000;

/// A check, or a view as one, and its mutants that no case has shown to be wrong.
struct Subject {
    original: Check,
    /// The check that damages name it by.
    check: String,
    alive: Vec<Mutant>,
    /// Killed by what the matrix demands, and by rows alone.
    by_count: Vec<Mutant>,
    by_rows: Vec<(Mutant, String)>,
    /// What the engine does not take is no mistake that anybody could make.
    broken: Vec<Mutant>,
}

impl Subject {
    fn of(original: Check) -> Self {
        let alive = mutants(&original.sql);
        let check = original.id.clone();
        Self { original, check, alive, by_count: Vec::new(), by_rows: Vec::new(), broken: Vec::new() }
    }

    fn killed(&self) -> usize {
        self.by_count.len() + self.by_rows.len()
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

fn subjects() -> anyhow::Result<Vec<Subject>> {
    let checks = built_in()?;
    let copies = include_str!("../../sql/views/duplicated_spans.sql");
    let mut subjects = Vec::new();
    for reader in checks.iter().filter(|check| check.sql.contains("duplicated_spans")) {
        // Mutants of the view alone, as this check meets them.
        let id = format!("{} by the view duplicated_spans", reader.id);
        let with = |view: &str| inlined(&reader.sql, "duplicated_spans", view);
        let alive = mutants(copies).into_iter().map(|mutant| Mutant { sql: with(&mutant.sql), ..mutant });
        let original = Check { id, sql: with(copies), needs: Needs::Nothing, ..reader.clone() };
        let check = reader.id.clone();
        subjects.push(Subject { check, alive: alive.collect(), ..Subject::of(original) });
    }
    subjects.extend(checks.into_iter().map(Subject::of));
    subjects.push(Subject::of(view("the view traces", include_str!("../../sql/views/traces.sql"))?));
    subjects.push(Subject::of(view("the view services", include_str!("../../sql/views/services.sql"))?));
    let of_chaos = include_str!("../../sql/chaos/lost_acks.sql");
    subjects
        .push(Subject::of(grammar::parse("lost_acks", "delivery", of_chaos).map_err(anyhow::Error::msg)?));
    Ok(subjects)
}

/// All subjects, and the cases that they were asked about.
struct Hunt {
    subjects: Vec<Subject>,
    cases: usize,
}

impl Hunt {
    fn alive(&self) -> usize {
        self.subjects.iter().map(|subject| subject.alive.len()).sum()
    }

    /// Asks those that are alive about a store: all of them, or those of the checks that a text speaks of.
    async fn case(
        &mut self,
        what: &str,
        folder: &Path,
        run: &str,
        of: Option<&str>,
        options: AuditOptions,
    ) -> anyhow::Result<()> {
        let is_asked = |subject: &Subject| {
            let is_meant = of.is_none_or(|text| text.contains(subject.check.as_str()));
            is_meant && !subject.alive.is_empty()
        };
        if !self.subjects.iter().any(is_asked) {
            return Ok(());
        }
        self.cases += 1;
        let layout = find_store(Some(folder))?;
        let runs = choose_runs(&folder.join("runs"), run, &layout)?;
        let judging = read(&layout, &runs, &options, |_| {}).await?;
        let keeping = SampleLimits { samples: SAMPLES, baseline: None, all_ids: false };
        let mut checks = Vec::new();
        for subject in self.subjects.iter().filter(|subject| is_asked(subject)) {
            checks.push(subject.original.clone());
            let mutated = |mutant: &Mutant| Check { sql: mutant.sql.clone(), ..subject.original.clone() };
            checks.extend(subject.alive.iter().map(mutated));
        }
        let checked = run_checks(&judging.session, &judging.tables, &judging.judged, checks, keeping).await;
        let mut checked = checked.iter();
        for subject in self.subjects.iter_mut().filter(|subject| is_asked(subject)) {
            let original = Found::of(checked.next().expect("an answer for each check"));
            assert!(original.verdict != "broken", "{}: {}", subject.original.id, original.rows.concat());
            for mutant in std::mem::take(&mut subject.alive) {
                let found = Found::of(checked.next().expect("an answer for each mutant"));
                if found.verdict == "broken" {
                    subject.broken.push(mutant);
                } else if (found.verdict, found.total) != (original.verdict, original.total) {
                    subject.by_count.push(mutant);
                } else if found.rows != original.rows {
                    subject.by_rows.push((mutant, what.to_owned()));
                } else {
                    subject.alive.push(mutant);
                }
            }
        }
        Ok(())
    }
}

/// What a check found, in a form that can be compared.
struct Found {
    verdict: &'static str,
    total: u64,
    rows: Vec<String>,
}

impl Found {
    fn of(checked: &Checked) -> Self {
        let verdict = checked.verdict.name();
        if let Verdict::Broken(reason) = &checked.verdict {
            return Self { verdict, total: 0, rows: vec![reason.clone()] };
        }
        let Some(findings) = checked.verdict.findings() else {
            return Self { verdict, total: 0, rows: Vec::new() };
        };
        let mut rows = Vec::new();
        let options = FormatOptions::new().with_null("NULL");
        for batch in &findings.samples {
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).expect("a type that prints"))
                .collect();
            let row =
                |row: usize| columns.iter().map(|cells| cells.value(row).to_string()).collect::<Vec<_>>();
            rows.extend((0..batch.num_rows()).map(|number| row(number).join("|")));
        }
        rows.sort_unstable();
        Self { verdict, total: findings.total, rows }
    }
}

fn usual() -> anyhow::Result<AuditOptions> {
    Ok(AuditOptions { wait: false, ..AuditOptions::of(built_in()?) })
}

/// As everything had been acked long ago.
fn settled() -> anyhow::Result<AuditOptions> {
    Ok(AuditOptions { settle: Duration::ZERO, old_files: OldFiles::Read, ..usual()? })
}

/// Asks about every damage of the library; of each either the checks that it is to fire, or all.
async fn damages(hunt: &mut Hunt, grounds: &Grounds, whom: Whom) -> anyhow::Result<()> {
    for damage in damages::every() {
        for schema in damage.schemas {
            let bench = grounds.bench(damage.ground, *schema)?;
            damage.apply(&bench)?;
            let structure = damage.by_structure().map(|fires| ("none", fires));
            for (run, fires) in [(damage.run, damage.fires)].into_iter().chain(structure) {
                let run = named_run(&bench, run)?;
                let what = format!("{} of schema {}, run {run}", damage.name, schema.version());
                let whom = match whom {
                    Whom::All => None,
                    Whom::Fired => Some(fires),
                };
                hunt.case(&what, bench.folder.path(), &run, whom, usual()?).await?;
            }
        }
    }
    Ok(())
}

/// Which checks are asked about a damage.
#[derive(Debug, Clone, Copy)]
enum Whom {
    /// Those that it fires: most of their mutants are killed by it.
    Fired,
    All,
}

async fn hunt() -> anyhow::Result<Hunt> {
    let mut hunt = Hunt { subjects: subjects()?, cases: 0 };
    let grounds = Box::pin(Grounds::make(0, built_in()?, &mut Vec::new())).await?;
    for (ground, schema) in grounds.all() {
        let bench = grounds.bench(ground, schema)?;
        for run in ground.runs() {
            let run = named_run(&bench, run)?;
            hunt.case(&format!("{ground:?}, {run}"), bench.folder.path(), &run, None, usual()?).await?;
        }
    }
    for whom in [Whom::Fired, Whom::All] {
        damages(&mut hunt, &grounds, whom).await?;
    }
    for scene in Scene::ALL {
        let trial = Box::pin(Trial::of(scene, None, 0)).await?;
        for run in ["all", "none"] {
            hunt.case(&format!("{scene:?}"), trial.folder(), run, None, settled()?).await?;
        }
    }
    for fault in catalogue() {
        let trial = Box::pin(Trial::of(Scene::of(fault.opportunity()), Some(once(fault)), 0)).await?;
        for run in ["all", "none"] {
            hunt.case(&fault.name, trial.folder(), run, None, settled()?).await?;
        }
    }
    Ok(hunt)
}

/// The figures, and a line for each mutant that no number shows.
fn report(hunt: &Hunt) -> String {
    let sum = |count: fn(&Subject) -> usize| hunt.subjects.iter().map(count).sum::<usize>();
    let (killed, by_rows) = (sum(Subject::killed), sum(|subject| subject.by_rows.len()));
    let judged = killed + hunt.alive();
    let mut text = String::new();
    let mut line = |what: &str| writeln!(text, "{what}").expect("a text takes all");
    line("## Mutants of the checks\n");
    line("<!-- Made by `scripts/mutants`. Do not edit. -->\n");
    line(
        "Each check and each view is changed in one place at a time: a condition dropped or negated, AND for OR, `<` for \
         `<=`, `=` for `<>`, NULL for a value, a branch of a union, a key or a kind of a join, a member of a list. A \
         mutant is killed where a planted defect makes it find anything else than the check.\n",
    );
    line("| figure | |\n|---|---|");
    line(&format!("| mutants | {judged} of {} checks and views |", hunt.subjects.len()));
    line(&format!(
        "| killed | {killed} ({:.1} %) in {} audits |",
        100.0 * killed as f64 / judged as f64,
        hunt.cases
    ));
    line(&format!("| of them by the rows of findings alone | {by_rows} |"));
    line(&format!("| refused by the engine, and not counted | {} |", sum(|subject| subject.broken.len())));
    line(&format!("| alive | {}, each with its reason below |", hunt.alive()));
    line("\n| check | mutant | why no defect can show it |\n|---|---|---|");
    for subject in &hunt.subjects {
        for mutant in &subject.alive {
            let reason = reason(&subject.original.id, &mutant.name).unwrap_or("**none**");
            line(&format!("| {} | {} | {reason} |", subject.original.id, mutant.name.replace('|', "\\|")));
        }
    }
    line("\nWith as many findings as the check, in other words or of other rows:\n");
    line("| check | mutant | shown by |\n|---|---|---|");
    for subject in &hunt.subjects {
        for (mutant, case) in &subject.by_rows {
            line(&format!("| {} | {} | {case} |", subject.original.id, mutant.name.replace('|', "\\|")));
        }
    }
    text
}

fn reason(check: &str, mutant: &str) -> Option<&'static str> {
    EQUIVALENT.iter().find(|(of, name, _)| (*of, *name) == (check, mutant)).map(|(.., reason)| *reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `scripts/mutants` runs it"]
async fn each_mutant_of_a_check_is_killed_or_has_a_reason_to_live() {
    let hunt = hunt().await.unwrap();
    let text = report(&hunt);
    if let Ok(file) = std::env::var("E2E_STORE_MUTANTS") {
        std::fs::write(file, &text).unwrap();
    }
    let alive = hunt
        .subjects
        .iter()
        .flat_map(|one| one.alive.iter().map(|mutant| (&*one.original.id, &*mutant.name)));
    let alive: BTreeSet<(&str, &str)> = alive.collect();
    let unexplained: Vec<_> =
        alive.iter().filter(|(check, mutant)| reason(check, mutant).is_none()).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let stale: Vec<_> =
        EQUIVALENT.iter().filter(|(check, name, _)| !alive.contains(&(*check, *name))).collect();
    assert!(stale.is_empty(), "killed, though they are listed as equivalent: {stale:#?}");
    let killed: usize = hunt.subjects.iter().map(Subject::killed).sum();
    assert!(killed * 100 >= (killed + hunt.alive()) * 95, "{killed} killed, {} alive", hunt.alive());
}
