//! The contract: one OTLP span is one stored row.
//!
//! Owns the row model, the two schemas of the store and the mapping between a span and its row
//! (contract, section 3), and the way back from a row to a span that is stored as that row. Traffic, the
//! stand-in and the auditor share this module and nothing else of each other. Knows no
//! files, and of Arrow only how rows are written down.

pub(crate) mod canonical_json;
pub(crate) mod columns;
pub(crate) mod decoded_size;
pub(crate) mod digest;
pub(crate) mod feistel;
pub(crate) mod id_remap;
pub(crate) mod json;
mod json_encode;
pub(crate) mod json_form;
pub(crate) mod json_reader;
pub(crate) mod known_keys;
pub(crate) mod loss;
pub(crate) mod mapping;
mod object_shape;
pub(crate) mod otlp;
pub(crate) mod protobuf;
pub(crate) mod request_fields;
pub(crate) mod row;
pub(crate) mod schema;
pub(crate) mod scrub;
