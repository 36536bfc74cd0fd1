//! What a file is that is no source: named by what its first record looks like.

/// Formats of traces by keys that their objects have; all of a row must be there.
const BY_KEYS: [(&[&str], &str); 11] = [
    (&["traceId", "id"], "Zipkin JSON"),
    (&["traceID", "spans"], "Jaeger JSON"),
    (&["traceID", "spanID"], "Jaeger JSON"),
    (&["data"], "Jaeger JSON, or another answer of an API"),
    (&["batches"], "Tempo JSON"),
    (&["trace"], "Tempo JSON"),
    (&["scopeSpans"], "one entry of `resourceSpans`, without the list around it"),
    (&["spans"], "one entry of `scopeSpans`, without the lists around it"),
    (&["name", "context"], "output of a console exporter"),
    (&["Name", "SpanContext"], "output of a console exporter"),
    (&["trace_id", "span_id"], "spans of another format than OTLP"),
];

/// A reason for an object that holds none of OTLP's lists.
pub(super) fn of_keys(keys: &[String]) -> String {
    let has = |key: &&str| keys.iter().any(|known| known == key);
    let known = BY_KEYS.iter().find(|(needed, _)| needed.iter().all(has));
    match known {
        Some((_, name)) => format!("looks like {name}, and holds no `resourceSpans`"),
        None => "holds no `resourceSpans`".to_owned(),
    }
}

/// Formats by their first bytes.
const BY_MAGIC: [(&[u8], &str); 12] = [
    (b"\x7fELF", "a program"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"ARROW1", "an Arrow IPC file (a studio writes IPC streams)"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"BZh", "a bzip2 file: decompress it first"),
    (b"\xfd7zXZ\0", "an xz file: decompress it first"),
    (b"\x04\x22\x4d\x18", "an LZ4 file: decompress it first"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"<", "XML or HTML"),
];

/// What bytes look like that are no record.
pub(crate) fn of_bytes(start: &[u8]) -> &'static str {
    if let Some((_, name)) = BY_MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return name;
    }
    if start.get(257..262) == Some(b"ustar") {
        return "a tar archive";
    }
    if is_bare_message(start) {
        return "one OTLP request in protobuf, without the length before it that files of several have";
    }
    if start.is_ascii() { "plain text" } else { "no format that is known here" }
}

/// The first field of a request, `ResourceSpans`, and in it a field of its own.
fn is_bare_message(start: &[u8]) -> bool {
    let [b'\n', rest @ ..] = start else { return false };
    let length = rest.iter().take(5).position(|byte| *byte < 0x80);
    length.and_then(|at| rest.get(at + 1)).is_some_and(|tag| matches!(tag, 0x0a | 0x12 | 0x1a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_formats_are_named() {
        let of = |keys: &[&str]| of_keys(&keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>());
        assert!(of(&["traceId", "id", "localEndpoint"]).contains("Zipkin"));
        assert!(of(&["data", "total"]).contains("Jaeger"));
        assert!(of(&["batches"]).contains("Tempo"));
        assert_eq!(of(&["foo"]), "holds no `resourceSpans`");
        assert!(of_bytes(b"\x0a\x80\x01\x0a\x02").contains("without the length"));
        assert!(of_bytes(b"name,kind\n").contains("text"));
        assert!(of_bytes(b"\n\nsome text").contains("text"));
        assert!(of_bytes(b"\x7fELF\x02").contains("program"));
    }
}
