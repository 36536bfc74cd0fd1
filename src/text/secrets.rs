//! Commands of the user's without the secrets that are typed into them, as reports, manifests and ledgers have them.
//!
//! A secret is known by its name: that of a variable, an option or a header; or by its value, where we hold it
//! ourselves. What only refers to one, as `$TOKEN` does, is none.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

const HIDDEN: &str = "***";

/// Words that a name of a secret has in it.
const NAME: &str = "[a-z0-9_.-]*(?:secret|passw|passphrase|token|credential|api[_.-]?key|apikey|authorization|[_.-]key|[_.-]pass|[_.-]pwd)[a-z0-9_.-]*";

/// A word of a shell, or of a shell within a quoted one.
const VALUE: &str = r#"(?:\$'(?:\\.|[^'\\])*'|'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;|&<>()'"`\\])+"#;

/// `NAME=value`, `name: value` and `"name":"value"`.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    let separator = r#"=|["']?\s*:\s+|["']\s*:\s*"#;
    regex(&format!("(?<name>{NAME})(?<between>(?:{separator})(?:(?:bearer|basic)\\s+)?)(?<value>{VALUE})"))
});

/// `--name value`.
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r#"(?<name>(?:^|[\s"'])--?{NAME})(?<between>\s+)(?<value>{VALUE})"#)));

/// `//user:password@`.
static USER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?<name>//)(?<between>)(?<value>[^\s/@]+)@"));

fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?i){pattern}")).expect("it compiles: every command is read by it")
}

/// A command in which secrets are replaced by asterisks.
pub(crate) fn without<'c>(command: &'c str, known: &[&str]) -> Cow<'c, str> {
    let mut shown = Cow::Borrowed(command);
    for secret in known.iter().filter(|secret| !secret.is_empty()) {
        let pattern = format!(r"(?<before>^|[^\w-]){}(?<after>$|[^\w-])", regex::escape(secret));
        let Ok(pattern) = Regex::new(&pattern) else { continue };
        // A match takes the character behind it, which may be the one before the next.
        for _ in 0..2 {
            shown =
                replaced(shown, |text| pattern.replace_all(text, format!("${{before}}{HIDDEN}${{after}}")));
        }
    }
    for pattern in [&*ASSIGNED, &*OPTION] {
        shown = replaced(shown, |text| pattern.replace_all(text, hidden));
    }
    replaced(shown, |text| USER.replace_all(text, format!("//{HIDDEN}@")))
}

fn replaced(text: Cow<'_, str>, replace: impl FnOnce(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    match replace(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(other) => Cow::Owned(other),
    }
}

fn hidden(found: &Captures<'_>) -> String {
    let (name, between, value) = (&found["name"], &found["between"], &found["value"]);
    let names_a_place = ["file", "path", "dir"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    let inner = value.strip_prefix('"').unwrap_or(value);
    let refers = inner.starts_with('$') && !inner.starts_with("$'");
    if names_a_place || refers { found[0].to_owned() } else { format!("{name}{between}{HIDDEN}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_by_its_name_or_value_is_hidden() {
        for (command, shown) in [
            ("TOKEN=s3cret ./ingestion", "TOKEN=*** ./ingestion"),
            ("JUNJO_API_KEY='s3 cret' PORT=1 ./ingestion", "JUNJO_API_KEY=*** PORT=1 ./ingestion"),
            (r#"env DB_PASSWORD="s3\"cret" ./ingestion"#, "env DB_PASSWORD=*** ./ingestion"),
            (r"SECRET=s3\ cret ./ingestion", "SECRET=*** ./ingestion"),
            ("SECRET=$'s3\\'cret' ./ingestion", "SECRET=*** ./ingestion"),
            (
                "docker run -e PGPASSWORD=s3cret -eACCESS_TOKEN=s3cret img:1",
                "docker run -e PGPASSWORD=*** -eACCESS_TOKEN=*** img:1",
            ),
            ("./ingestion --api-key s3cret --port 1", "./ingestion --api-key *** --port 1"),
            ("./ingestion --apikey=s3cret", "./ingestion --apikey=***"),
            ("./ingestion -token s3cret", "./ingestion -token ***"),
            ("sh -c 'SESSION_SECRET=s3cret ./ingestion'", "sh -c 'SESSION_SECRET=*** ./ingestion'"),
            ("curl -H 'x-junjo-api-key: s3cret' u", "curl -H 'x-junjo-api-key: ***' u"),
            ("curl -H 'Authorization: Bearer s3cret' u", "curl -H 'Authorization: Bearer ***' u"),
            (r#"curl -d '{"password":"s3cret"}' u"#, r#"curl -d '{"password":***' u"#),
            ("pull http://me:s3cret@host/x", "pull http://***@host/x"),
            ("A_TOKEN=s3cret;B_TOKEN=s3cret&& ./ingestion", "A_TOKEN=***;B_TOKEN=***&& ./ingestion"),
            ("./token-server TOKEN=s3cret", "./token-server TOKEN=***"),
            ("./ingestion --auth known-1 'known-1' known-1", "./ingestion --auth *** '***' ***"),
        ] {
            assert_eq!(without(command, &["", "known-1"]), shown);
            assert!(!shown.contains("s3"));
        }
    }

    #[test]
    fn what_only_refers_to_a_secret_or_is_none_stays() {
        for command in [
            "TOKEN=$TOKEN ./ingestion",
            r#"TOKEN="$TOKEN" ./ingestion --api-key "${KEY}""#,
            "TOKEN=$(cat token) ./ingestion",
            "TOKEN=`cat token` ./ingestion",
            "TOKEN_FILE=/run/token ./ingestion --token-path /run/token",
            "docker run registry/token-service:1.2 && ./keyboard --key-less",
            "GRPC_PORT=1 RUST_LOG=info ./ingestion --data-dir known-12/x",
            "docker compose kill -s $SIGNAL ingestion",
        ] {
            assert_eq!(without(command, &["known-1"]), command);
        }
    }
}
