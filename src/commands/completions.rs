//! `completions` and `man`.

use std::{fs, io::Write, path::PathBuf};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

use crate::base::{exit::Exit, output::Output, temporary};

/// Print shell completions
///
/// To stdout; the shell's manual says where they belong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(e2e-store completions bash)
  e2e-store completions zsh > ~/.zfunc/_e2e-store
  e2e-store completions fish > ~/.config/fish/completions/e2e-store.fish
  e2e-store completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print the manual page
///
/// The program's page to stdout; with --dir also one page per command.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store man > ~/.local/share/man/man1/e2e-store.1
  e2e-store man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Output directory for the pages of all commands
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// `command` is the whole command line.
pub(crate) fn run(args: &CompletionsArgs, mut command: Command, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let name = command.get_name().to_owned();
    // The generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    out.write_all(&script)?;
    Ok(Exit::Clean)
}

pub(crate) fn man(args: &ManArgs, command: Command, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match &args.dir {
        None => clap_mangen::Man::new(command).render(out)?,
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
            // Made elsewhere first: the generator would write through links.
            let made = temporary::folder()?;
            clap_mangen::generate_to(command, made.path()).map_err(|err| temporary::explained(&err))?;
            for page in fs::read_dir(made.path())? {
                let page = page?;
                Output::create(&dir.join(page.file_name()), &[])?.fill(&fs::read(page.path())?)?;
            }
            writeln!(out, "manual pages in {}", dir.display())?;
        }
    }
    Ok(Exit::Clean)
}
