//! The form of stored JSON, seen in one pass that copies nothing.
//!
//! The studio writes compact text with the keys of each object in the order of their bytes (contract,
//! section 3). The scanner accepts just that, and copies nothing; whatever else a text is, valid
//! in another form, with a key there twice, or no JSON at all, `serde_json` says.

use serde_json::Value;

use super::{json, schema::Schema, strict_json::StrictValue};

/// What a text is as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Exactly as the studio writes it.
    Canonical,
    /// JSON in another form: spaces, another order of keys, other members.
    Valid,
    /// An object names a key twice.
    DoubledKey,
    Invalid,
}

/// Deeper texts than any OTLP message can carry are left to `serde_json`, which refuses them.
const MAX_DEPTH: usize = 120;

/// An object's form, and whether `entry` got every member, with its value as JSON text: of a text that the
/// scanner does not take it may have got some.
pub(crate) fn object<'t>(text: &'t str, mut entry: impl FnMut(&'t str, &'t str)) -> (Form, bool) {
    let mut scan = Scan::new(text);
    let whole = scan.members(0, &mut |key, value| entry(&text[key.0..key.1], &text[value.0..value.1]));
    if whole.is_some() && scan.ended() {
        (Form::Canonical, true)
    } else {
        (general(text, Value::is_object).0, false)
    }
}

/// The form of stored events; `time` gets each event's time as the studio's columns would hold it, some of them
/// twice where the text is not canonical.
pub(crate) fn events(text: &str, schema: Schema, mut time: impl FnMut(i64)) -> Form {
    let mut scan = Scan::new(text);
    let one = |scan: &mut Scan<'_>| scan.event(schema, &mut time);
    if scan.array(one).is_some() && scan.ended() {
        return Form::Canonical;
    }
    let (form, value) = general(text, |value| has_items(value, |item| is_event(item, schema)));
    for item in value.as_array().into_iter().flatten() {
        let written = &item["timeUnixNano"];
        if let Some(at) = written.as_u64().or_else(|| written.as_str()?.parse().ok()) {
            time(at.cast_signed());
        }
    }
    form
}

/// The form of stored links.
pub(crate) fn links(text: &str) -> Form {
    let mut scan = Scan::new(text);
    if scan.array(Scan::link).is_some() && scan.ended() {
        Form::Canonical
    } else {
        general(text, |value| has_items(value, is_link)).0
    }
}

/// The form and the value of a text that the scanner did not take: with an escaped key it may be canonical all the
/// same.
fn general(text: &str, fits: impl Fn(&Value) -> bool) -> (Form, Value) {
    match serde_json::from_str::<StrictValue>(text) {
        Ok(StrictValue(value)) => {
            let form = match value {
                _ if fits(&value) && canonical(&value) == text => Form::Canonical,
                Value::Object(_) | Value::Array(_) => Form::Valid,
                _ => Form::Invalid,
            };
            (form, value)
        }
        Err(_) => match serde_json::from_str::<Value>(text) {
            Ok(value) => (Form::DoubledKey, value),
            Err(_) => (Form::Invalid, Value::Null),
        },
    }
}

fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::String(text) => json::write_str(out, text),
        Value::Array(items) => json::write_array(out, items, write),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), ..) => json::write_i64(out, int),
            (_, Some(int), _) => json::write_u64(out, int),
            (.., float) => json::write_f64(out, float.unwrap_or(f64::NAN)),
        },
        Value::Object(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json::write_str(out, key);
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
    }
}

fn has_items(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(fits))
}

fn is_event(item: &Value, schema: Schema) -> bool {
    let (time, members) = match schema {
        Schema::V1 => (item["timeUnixNano"].is_u64(), 3),
        Schema::V2 => (item["timeUnixNano"].is_string() && item["droppedAttributesCount"].is_u64(), 4),
    };
    time && item["attributes"].is_object()
        && item["name"].is_string()
        && item.as_object().is_some_and(|item| item.len() == members)
}

fn is_link(item: &Value) -> bool {
    item["attributes"].is_object()
        && ["droppedAttributesCount", "flags"].iter().all(|key| item[key].is_u64())
        && ["spanId", "traceId", "traceState"].iter().all(|key| item[key].is_string())
        && item.as_object().is_some_and(|item| item.len() == 6)
}

/// Where something lies in the text.
type Span = (usize, usize);

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    fn ended(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, literal: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(literal).then(|| self.at += literal.len())
    }

    /// The inside of a string, and whether anything in it is escaped.
    fn string(&mut self) -> Option<(Span, bool)> {
        self.eat(b"\"")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += json::plain_run(&self.bytes[self.at..])?;
            match self.bytes[self.at] {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
        self.at += 1;
        Some(((start, self.at - 1), escaped))
    }

    /// One escape; those of surrogates are left to `serde_json`.
    fn escape(&mut self) -> Option<()> {
        match *self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                let surrogate = matches!(digits[0], b'd' | b'D') && digits[1] > b'7';
                if surrogate || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    fn digits(&mut self) -> Option<Span> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some((start, self.at))
    }

    fn whole_number(&mut self) -> Option<u64> {
        let (start, end) = self.digits()?;
        let digits = &self.bytes[start..end];
        let canonical = digits == b"0" || digits[0] != b'0';
        canonical.then(|| str::from_utf8(digits).ok()?.parse().ok())?
    }

    fn number(&mut self) -> Option<()> {
        self.eat(b"-");
        let (start, end) = self.digits()?;
        if self.bytes[start] == b'0' && end - start > 1 {
            return None;
        }
        if self.eat(b".").is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.members(depth, &mut |_, _| ()),
            b'[' => self.array(|scan| scan.value(depth + 1)),
            b't' => self.eat(b"true"),
            b'f' => self.eat(b"false"),
            b'n' => self.eat(b"null"),
            _ => self.number(),
        }
    }

    /// An object whose keys rise strictly, so that none is there twice.
    fn members(&mut self, depth: usize, entry: &mut dyn FnMut(Span, Span)) -> Option<()> {
        self.eat(b"{")?;
        if self.eat(b"}").is_some() {
            return Some(());
        }
        let mut last: Option<Span> = None;
        loop {
            let (key, escaped) = self.string()?;
            // Escaped text orders otherwise than what it stands for.
            let rises = last.is_none_or(|last| self.bytes[last.0..last.1] < self.bytes[key.0..key.1]);
            if escaped || !rises {
                return None;
            }
            last = Some(key);
            self.eat(b":")?;
            let start = self.at;
            self.value(depth + 1)?;
            entry(key, (start, self.at));
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b"[")?;
        if self.eat(b"]").is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn event(&mut self, schema: Schema, time: &mut impl FnMut(i64)) -> Option<()> {
        self.eat(br#"{"attributes":"#)?;
        self.members(2, &mut |_, _| ())?;
        if schema == Schema::V2 {
            self.eat(br#","droppedAttributesCount":"#)?;
            self.whole_number()?;
        }
        self.eat(br#","name":"#)?;
        self.string()?;
        self.eat(br#","timeUnixNano":"#)?;
        let quote: &[u8] = if schema == Schema::V2 { b"\"" } else { b"" };
        self.eat(quote)?;
        time(self.whole_number()?.cast_signed());
        self.eat(quote)?;
        self.eat(b"}")
    }

    fn link(&mut self) -> Option<()> {
        self.eat(br#"{"attributes":"#)?;
        self.members(2, &mut |_, _| ())?;
        self.eat(br#","droppedAttributesCount":"#)?;
        self.whole_number()?;
        self.eat(br#","flags":"#)?;
        self.whole_number()?;
        for key in [&br#","spanId":"#[..], br#","traceId":"#, br#","traceState":"#] {
            self.eat(key)?;
            self.string()?;
        }
        self.eat(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(text: &str) -> Form {
        object(text, |_, _| ()).0
    }

    #[test]
    fn the_studio_s_own_text_is_canonical_and_its_members_are_given() {
        let text = r#"{"":null,"Zed":[1,-2.5e-7,{}],"a":"x\"\\\n\u001f","é":{"b":true}}"#;
        let mut members = Vec::new();
        assert_eq!(object(text, |key, value| members.push((key, value))), (Form::Canonical, true));
        assert_eq!(members[1], ("Zed", "[1,-2.5e-7,{}]"));
        assert_eq!(members.len(), 4);
    }

    #[test]
    fn another_form_a_doubled_key_and_no_json_are_told_apart() {
        for (text, expected) in [
            (r#"{"a": 1}"#, Form::Valid),
            (r#"{"b":1,"a":2}"#, Form::Valid),
            (r#"{"a\"":1,"b":{"\\":2.5}}"#, Form::Canonical),
            (r#"{"a":1,"a":1}"#, Form::DoubledKey),
            (r#"{"a":{"c":1,"c":1}}"#, Form::DoubledKey),
            (r#"{"\u0061":1,"a":1}"#, Form::DoubledKey),
            (r#"{"a":"\ud800"}"#, Form::Invalid),
            (r#"{"a":01}"#, Form::Invalid),
            (r#"{"a":"#, Form::Invalid),
            ("[]", Form::Valid),
            ("7", Form::Invalid),
            ("", Form::Invalid),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
    }

    #[test]
    fn an_event_s_form_is_its_schema_s() {
        let v2 = r#"[{"attributes":{},"droppedAttributesCount":0,"name":"x","timeUnixNano":"7"}]"#;
        let v1 = r#"[{"attributes":{},"name":"x","timeUnixNano":7}]"#;
        let mut times = Vec::new();
        let mut form = |text, schema| events(text, schema, |time| times.push(time));
        assert_eq!(form(v2, Schema::V2), Form::Canonical);
        assert_eq!(form(v1, Schema::V1), Form::Canonical);
        assert_eq!(form(v1, Schema::V2), Form::Valid);
        assert_eq!(form("[]", Schema::V2), Form::Canonical);
        assert_eq!(form("{}", Schema::V2), Form::Valid);
        assert_eq!(form(&v2.replace("{}", r#"{"a\n":1}"#), Schema::V2), Form::Canonical);
        assert_eq!(times, [7, 7, 7, 7]);
    }

    #[test]
    fn links_are_as_the_studio_writes_them() {
        let link = r#"[{"attributes":{},"droppedAttributesCount":0,"flags":0,"spanId":"","traceId":"","traceState":""}]"#;
        assert_eq!(links(link), Form::Canonical);
        assert_eq!(links(&link.replace("\"flags\":0,", "")), Form::Valid);
    }

    proptest! {
        /// The scanner never calls a text canonical that `serde_json` would not read.
        #[test]
        fn no_invalid_text_is_canonical(text in r#"[\[\]{}:,"\\a-c0-2.eE+u-]{0,24}"#) {
            let strict = serde_json::from_str::<StrictValue>(&text).is_ok_and(|value| value.0.is_object());
            prop_assert!(form(&text) != Form::Canonical || strict, "{}", text);
        }

        /// What `serde_json` writes of sorted objects is canonical, whatever the strings are.
        #[test]
        fn compact_sorted_text_is_canonical(texts in proptest::collection::btree_map("[a-z\u{e9}]{0,4}", ".{0,12}", 0..6)) {
            let value: Value = texts.into_iter().map(|(key, text)| (key, Value::from(text))).collect::<serde_json::Map<_, _>>().into();
            prop_assert_eq!(form(&value.to_string()), Form::Canonical);
        }
    }
}
