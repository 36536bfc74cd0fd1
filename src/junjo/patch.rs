//! Reads JSON Patches (RFC 6902). What an operation does is the library's; how it reads one, by its tag, takes twice the
//! time of the operation's members in the order that they come in.

use std::borrow::Cow;

use json_patch::{
    AddOperation, CopyOperation, MoveOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation,
    TestOperation, jsonptr::PointerBuf,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The members of any operation.
#[derive(Deserialize)]
struct Operation<'t> {
    #[serde(borrow)]
    op: Cow<'t, str>,
    path: PointerBuf,
    from: Option<PointerBuf>,
    /// A null is a value.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

fn present<'t, D: Deserializer<'t>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

pub(crate) fn read(text: &str) -> Result<Patch, serde_json::Error> {
    let operations = serde_json::from_str::<Vec<Operation<'_>>>(text).ok();
    let patch = operations.and_then(|operations| operations.into_iter().map(Operation::known).collect());
    // The library says what is wrong.
    patch.map_or_else(|| serde_json::from_str(text), |operations| Ok(Patch(operations)))
}

impl Operation<'_> {
    fn known(self) -> Option<PatchOperation> {
        let Self { op, path, from, value } = self;
        Some(match &*op {
            "add" => PatchOperation::Add(AddOperation { path, value: value? }),
            "remove" => PatchOperation::Remove(RemoveOperation { path }),
            "replace" => PatchOperation::Replace(ReplaceOperation { path, value: value? }),
            "move" => PatchOperation::Move(MoveOperation { from: from?, path }),
            "copy" => PatchOperation::Copy(CopyOperation { from: from?, path }),
            "test" => PatchOperation::Test(TestOperation { path, value: value? }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_read_as_the_library_reads_them() {
        let library = |text: &str| serde_json::from_str::<Patch>(text).map_err(|err| err.to_string());
        for text in [
            "[]",
            r#"[{"op":"replace","path":"/a/0","value":{"b":[1,null]}}]"#,
            r#"[{"path":"/a","op":"add","value":null},{"op":"remove","path":"/a~1b"}]"#,
            r#"[{"from":"/a","op":"move","path":"/b"},{"from":"/a","op":"copy","path":""}]"#,
            r#"[{"op":"test","path":"","value":1.5,"comment":"more"}]"#,
            r#"[{"from":7,"op":"remove","path":"/a"}]"#,
            r#"[{"op":"replace","path":"/a"}]"#,
            r#"[{"op":"move","path":"/a"}]"#,
            r#"[{"op":"fold","path":"/a","value":1}]"#,
            r#"[{"op":"add","path":"a","value":1}]"#,
            r#"{"op":"add","path":"/a","value":1}"#,
            "",
        ] {
            assert_eq!(read(text).map_err(|err| err.to_string()), library(text), "{text}");
        }
    }
}
