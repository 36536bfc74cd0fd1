//! Words of a command that is ready to paste into a shell.

use std::{borrow::Cow, fmt::Write as _};

use super::escape::is_hidden;

/// A word as a shell reads it back. Characters that a terminal would obey are written as `$'…'` has them.
pub(crate) fn quote(word: &str) -> Cow<'_, str> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "_./:=@%+,-".contains(char);
    if word.chars().any(is_hidden) {
        let mut text = String::from("$'");
        for char in word.chars() {
            match char {
                '\'' | '\\' => text.extend(['\\', char]),
                char if is_hidden(char) => {
                    write!(text, "\\U{:08x}", u32::from(char)).ok();
                }
                char => text.push(char),
            }
        }
        Cow::Owned(text + "'")
    } else if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// Words as one command.
pub(crate) fn command(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_out_of_a_shell_as_it_went_in() {
        for word in ["a/b.c", "", "a b", "it's", "a\nb\u{1b}'\\", "\u{202e}x", "größe", "$HOME `x`", "-x"] {
            let script = format!("printf %s {}", quote(word));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{script}");
            assert!(!quote(word).chars().any(is_hidden));
        }
    }
}
