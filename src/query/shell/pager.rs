//! What is longer than the screen goes through a pager.
//!
//! Nothing is shown until it is clear which of the two it is. A reader who leaves the pager ends the
//! answer.

use std::{
    env,
    io::{self, Write},
    process::{Child, Command, Stdio},
};

/// Text on its way to a terminal of so many lines.
pub(super) struct Paged {
    height: usize,
    waiting: Vec<u8>,
    lines: usize,
    pager: Option<Child>,
    /// There is no pager, or it could not be started.
    plain: bool,
}

impl Paged {
    pub(super) fn new(height: usize) -> Self {
        Self { height, waiting: Vec::new(), lines: 0, pager: None, plain: false }
    }

    /// Shows what is still waiting, and waits for the reader to leave.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(pager) = self.pager.take() {
            return leave(pager);
        }
        let mut stdout = io::stdout();
        stdout.write_all(&self.waiting)?;
        stdout.flush()
    }

    fn write_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.pager.as_mut().and_then(|pager| pager.stdin.as_mut()) {
            Some(stdin) => stdin.write_all(bytes),
            None => io::stdout().write_all(bytes),
        }
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pager.is_some() || self.plain {
            self.write_on(bytes)?;
            return Ok(bytes.len());
        }
        self.waiting.extend_from_slice(bytes);
        self.lines += bytes.split(|byte| *byte == b'\n').count() - 1;
        if self.lines >= self.height {
            self.pager = start();
            self.plain = self.pager.is_none();
            let waiting = std::mem::take(&mut self.waiting);
            self.write_on(&waiting)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        if let Some(pager) = self.pager.take() {
            leave(pager).ok();
        }
    }
}

fn leave(mut pager: Child) -> io::Result<()> {
    drop(pager.stdin.take());
    pager.wait().map(drop)
}

/// The user's pager, or `less` that does not wrap lines; none where neither is there.
fn start() -> Option<Child> {
    let chosen = env::var("PAGER").unwrap_or_else(|_| "less -S".to_owned());
    let mut words = chosen.split_whitespace();
    let mut command = Command::new(words.next()?);
    command.args(words).stdin(Stdio::piped()).spawn().ok()
}
