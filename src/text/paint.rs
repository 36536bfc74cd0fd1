//! Colour, where it helps and is wanted.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    Always,
    Never,
}

/// Styles that are empty where colour is not wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    enabled: bool,
}

impl Paint {
    /// For what is no terminal.
    pub(crate) const NONE: Self = Self { enabled: false };

    /// For text that goes to standard output.
    pub(crate) fn for_stdout(color: Color) -> Self {
        let wanted =
            || std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self {
            enabled: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => wanted(),
            },
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with(text, AnsiColor::Green.on_default())
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with(text, AnsiColor::Red.on_default().bold())
    }

    pub(crate) fn doubtful(self, text: &str) -> String {
        self.with(text, AnsiColor::Yellow.on_default())
    }

    pub(crate) fn quiet(self, text: &str) -> String {
        self.with(text, Style::new().dimmed())
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.with(text, Style::new().bold())
    }

    fn with(self, text: &str, style: Style) -> String {
        if self.enabled { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
