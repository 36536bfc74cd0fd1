//! The shell at a terminal.

use std::{
    io::{self, IsTerminal, Write},
    pin::pin,
};

use rustyline::{CompletionType, Config, Editor, error::ReadlineError, history::FileHistory};
use tokio::task::block_in_place;

use super::{Flow, Shell, helper::SqlHelper, history, pager::Paged};
use crate::{
    base::{interrupt::Interrupts, notice, problem},
    checks::investigations,
    query::{diagnostics::Source, script::pieces},
    text::paint::{Color, Paint},
};

const PROMPT: &str = "sql> ";
/// Rows of an answer that are shown unless `.limit` says otherwise.
const FIRST_LIMIT: u64 = 1_000;
const HISTORY: usize = 10_000;

type SqlEditor = Editor<SqlHelper, FileHistory>;

/// Reads, answers, and begins again until the end of input or `.quit`.
pub(crate) async fn converse(shell: &mut Shell, interrupts: &Interrupts) -> anyhow::Result<()> {
    shell.interactive = true;
    shell.limit = Some(FIRST_LIMIT);
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY)?
        .history_ignore_space(true)
        .build();
    let mut editor = SqlEditor::with_history(config.clone(), FileHistory::with_config(&config))?;
    let names = investigations::all().iter().map(|one| one.name.clone()).collect();
    let colour = Paint::for_stdout(Color::Auto);
    editor.set_helper(Some(SqlHelper::new(shell.engine.functions(), names, colour)));
    let history = match history::file() {
        Ok(history) => history,
        Err(err) => {
            notice::note(&format!("note: no history is kept: {err}"));
            None
        }
    };
    if let Some(file) = &history {
        editor.load_history(file).ok();
    }
    let store = shell.engine.layout().spans.display();
    notice::note(&format!(
        "{store}: .tables lists what can be asked, .queries what was asked before, .help the rest"
    ));
    loop {
        // While a line is read, Ctrl-C is a key. From its end on it is meant for what was asked, even where that has
        // not begun.
        let pressed = interrupts.so_far();
        let input = match block_in_place(|| editor.readline(PROMPT)) {
            Ok(input) => input,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(err) => return Err(err.into()),
        };
        if input.trim().is_empty() {
            continue;
        }
        remember(&mut editor, &input, history.as_deref());
        if reply(shell, &mut editor, &input, interrupts.after(pressed)).await == Flow::Quit {
            break;
        }
    }
    shell.close()
}

fn remember(editor: &mut SqlEditor, input: &str, file: Option<&std::path::Path>) {
    editor.add_history_entry(input.trim_end()).ok();
    // At once, so that a second shell or a crash takes nothing away.
    if let Some(file) = file
        && let Err(err) = editor.append_history(file)
    {
        notice::note(&format!("note: the history was not kept: {err}"));
    }
}

/// Answers all of an input; a failure or Ctrl-C ends it, not the shell.
async fn reply(
    shell: &mut Shell,
    editor: &mut SqlEditor,
    input: &str,
    cancelled: impl Future<Output = ()>,
) -> Flow {
    let mut cancelled = pin!(cancelled);
    let source = Source { name: "your input", text: input };
    shell.said.clear();
    for piece in pieces(input) {
        let screen = editor.dimensions().filter(|_| io::stdout().is_terminal());
        let height = screen.map_or(usize::MAX, |(_, rows)| usize::from(rows));
        let mut paged = Paged::new(height);
        let done = tokio::select! {
            done = shell.perform(&piece, source, &mut paged) => done,
            () = &mut cancelled => {
                notice::note("cancelled");
                return Flow::On;
            }
        };
        let shown = block_in_place(|| paged.finish());
        shell.say_remarks();
        match done.and_then(|flow| Ok(shown.map(|()| flow)?)) {
            Ok(Flow::On) => {}
            Ok(Flow::Quit) => return Flow::Quit,
            Err(err) if left_the_pager(&err) => {}
            Err(err) => {
                io::stderr().write_all(problem::explain(&err).as_bytes()).ok();
                return Flow::On;
            }
        }
    }
    Flow::On
}

fn left_the_pager(err: &anyhow::Error) -> bool {
    let kinds = err.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}
