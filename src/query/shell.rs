//! Carries out statements and dot commands one after the other, from a script or a terminal.
//!
//! Results go where the caller or `.output` says, all else to standard error. A script stops at its
//! first failure, a terminal goes on.

use std::{collections::BTreeSet, io::Write, time::Instant};

use anyhow::Context;

use self::target::Target;
use super::{
    diagnostics::Source,
    engine::Engine,
    script::{Piece, Sql, pieces},
};
use crate::{
    base::{notice, problem::Problem},
    checks::investigations::{Investigation, Params},
    report::{
        rows::{Mode, RowWriter},
        table,
    },
    text::numbers,
};

mod dot;
mod helper;
mod history;
pub(crate) mod interactive;
mod pager;
mod target;

/// A conversation: the store that is asked, and how answers are to look.
pub(crate) struct Shell {
    engine: Engine,
    /// None where the ending of the output file decides.
    mode: Option<Mode>,
    params: Params,
    timer: bool,
    /// Rows that are shown of one answer; a script shows all.
    limit: Option<u64>,
    output: Option<Target>,
    once: Option<Target>,
    /// Says how many rows there were.
    interactive: bool,
    /// Whether `.output` and `.once` may write where they say: a script from a file is not always its user's own.
    may_write: bool,
    /// What is to be said below the answer.
    remarks: Vec<String>,
    /// Notes that were given with this script, and are not repeated for each of its statements.
    said: BTreeSet<String>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Quit,
}

impl Shell {
    pub(crate) fn new(engine: Engine, mode: Option<Mode>, params: Params) -> Self {
        Self {
            engine,
            mode,
            params,
            timer: false,
            limit: None,
            output: None,
            once: None,
            interactive: false,
            may_write: true,
            remarks: Vec::new(),
            said: BTreeSet::new(),
        }
    }

    /// Refuses `.output FILE` and `.once FILE` from here on.
    pub(crate) fn refuse_outputs(&mut self) {
        self.may_write = false;
    }

    /// Carries out a whole script, or as much of it as goes well.
    pub(crate) async fn script(&mut self, source: Source<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        for piece in pieces(source.text) {
            let flow = self.perform(&piece, source, out).await?;
            self.say_remarks();
            if flow == Flow::Quit {
                break;
            }
        }
        Ok(())
    }

    /// Runs a named investigation.
    pub(crate) async fn investigate(
        &mut self,
        investigation: &Investigation,
        params: &Params,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let params = investigation.bind(params)?;
        let name = format!("investigation `{}`", investigation.name);
        let source = Source { name: &name, text: &investigation.text };
        for piece in pieces(source.text) {
            if let Piece::Statement(sql) = piece {
                self.answer(&sql, source, &params, out).await?;
            }
        }
        if !self.interactive {
            self.say_remarks();
        }
        Ok(())
    }

    /// Sends what follows into a file; [`Shell::close`] puts it in place.
    pub(crate) fn write_to(&mut self, path: &std::path::Path) -> anyhow::Result<()> {
        self.output = Some(self.target(path)?);
        Ok(())
    }

    fn target(&self, path: &std::path::Path) -> anyhow::Result<Target> {
        Target::create(path, &self.engine.layout().protected())
    }

    /// As [`Shell::target`], for a dot command.
    fn scripted_target(&self, path: &str) -> anyhow::Result<Target> {
        if !self.may_write {
            let what = format!("a script may not write: `{path}` is left as it is");
            return Err(Problem::new(what, "read the script, then allow it with --allow-output").into());
        }
        self.target(std::path::Path::new(path))
    }

    /// Puts the file that answers went into in its place.
    pub(crate) fn close(&mut self) -> anyhow::Result<()> {
        self.output.take().map_or(Ok(()), Target::keep)
    }

    async fn perform(
        &mut self,
        piece: &Piece,
        source: Source<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<Flow> {
        match piece {
            Piece::Statement(sql) => {
                let params = self.params.clone();
                self.answer(sql, source, &params, out).await?;
                Ok(Flow::On)
            }
            Piece::Dot { line, text } => {
                let place = || format!("in {}, line {line}", source.name);
                let done = dot::perform(self, text, out).await;
                if self.interactive { done } else { done.with_context(place) }
            }
        }
    }

    async fn answer(
        &mut self,
        sql: &Sql,
        source: Source<'_>,
        params: &Params,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut once = self.once.take();
        let asked = self.engine.ask(sql, source, params).await;
        self.say_notes();
        let mut answer = asked?;
        let target = once.as_mut().or(self.output.as_mut());
        let mode = self.mode.or_else(|| target.as_ref().and_then(|target| target.mode()));
        let is_screen = target.as_ref().is_none_or(|target| target.is_stdout());
        let width = if is_screen { table::terminal_width() } else { None };
        let out: &mut dyn Write = match target {
            Some(target) => target,
            None => out,
        };
        let mode = match mode.unwrap_or(Mode::Table) {
            Mode::Table if answer.explains => Mode::Vertical,
            mode => mode,
        };
        let mut writer = RowWriter::new(mode, answer.schema.clone(), width);
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut is_cut_short = false;
        while let Some(batch) = answer.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(err) => return Err(self.engine.explain(&err, source, sql.begins()).await),
            };
            is_cut_short = batch.num_rows() as u64 > left;
            let shown = (batch.num_rows() as u64).min(left);
            writer.write(&batch.slice(0, shown as usize), out)?;
            left -= shown;
            if is_cut_short {
                break;
            }
        }
        let written = writer.finish(out)?;
        if let Some(once) = once {
            once.keep()?;
        }
        self.engine.end_statement();
        let notes = self.new_notes();
        self.remarks.extend(notes);
        if is_cut_short {
            let shown = numbers::counted(written.rows, "row");
            self.remarks.push(format!("only the first {shown} are shown: .limit off shows all"));
        }
        if written.cut {
            self.remarks.push("cells that end in … are cut: .mode vertical shows them whole".to_owned());
        }
        if self.interactive || self.timer {
            let took = if self.timer {
                format!(" in {}", numbers::duration(began.elapsed()))
            } else {
                String::new()
            };
            self.remarks.push(format!("{}{took}", numbers::counted(written.rows, "row")));
        }
        Ok(())
    }

    fn say_notes(&mut self) {
        self.new_notes().iter().for_each(|note| notice::note(note));
    }

    fn new_notes(&mut self) -> Vec<String> {
        let notes = self.engine.take_notes().into_iter();
        notes.filter(|note| self.said.insert(note.clone())).map(|note| format!("note: {note}")).collect()
    }

    fn say_remarks(&mut self) {
        self.remarks.drain(..).for_each(|remark| notice::note(&remark));
    }
}
