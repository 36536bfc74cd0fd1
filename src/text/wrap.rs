//! Running text, broken between words.

/// A text in lines of at most so many characters; a word that is longer stays whole.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        assert_eq!(wrap("one two\nthree  four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("unbreakable a", 3), ["unbreakable", "a"]);
        assert_eq!(wrap(" ", 3), Vec::<String>::new());
    }
}
