//! Keys of an object: each names one value.

use std::collections::HashSet;

/// The names in their order, a repeated or reserved one with a number behind: `name`, `name_2`.
pub(crate) fn unique<'n>(names: impl IntoIterator<Item = &'n str>, reserved: &[&str]) -> Vec<String> {
    let names: Vec<&str> = names.into_iter().collect();
    let mut taken: HashSet<String> = reserved.iter().map(|&name| name.to_owned()).collect();
    let mut unique = Vec::with_capacity(names.len());
    for name in &names {
        let mut key = (*name).to_owned();
        let mut number = 2;
        // A number must not take the name of a later column, either.
        while taken.contains(&key) || number > 2 && names.contains(&key.as_str()) {
            key = format!("{name}_{number}");
            number += 1;
        }
        taken.insert(key.clone());
        unique.push(key);
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_gets_a_number() {
        assert_eq!(unique(["a", "b", "a", "a"], &[]), ["a", "b", "a_2", "a_3"]);
        assert_eq!(unique(["a", "a", "a_2"], &[]), ["a", "a_3", "a_2"]);
        assert_eq!(unique(["id", "b"], &["id"]), ["id_2", "b"]);
    }
}
