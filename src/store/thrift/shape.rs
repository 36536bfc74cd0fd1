//! The kinds that the fields of Parquet's footer and page headers must have.
//!
//! The parquet crate reads a field by the kind that it expects and does not look at the kind that the
//! bytes declare. Where the two differ it would read other counts than we measured. Fields that are not
//! named here are unknown to it too, and skipped by their declared kind.

use Shape::{Byte, Bytes, Double, Flag, Int, List, Struct};

use super::Value;

/// A kind, with those of its parts.
pub(crate) enum Shape {
    Int,
    Flag,
    Byte,
    Double,
    Bytes,
    List(&'static Shape),
    Struct(&'static [(i16, Shape)]),
}

impl Shape {
    pub(super) fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Int, Value::Int(_))
            | (Self::Flag, Value::Flag)
            | (Self::Byte, Value::Byte)
            | (Self::Double, Value::Double)
            | (Self::Bytes, Value::Bytes) => true,
            (Self::List(item), Value::List(items)) => items.iter().all(|value| item.fits(value)),
            (Self::Struct(known), Value::Struct(fields)) => fields.iter().all(|(id, value)| {
                let shape = known.iter().find(|(known, _)| known == id).map(|(_, shape)| shape);
                shape.is_none_or(|shape| shape.fits(value))
            }),
            _ => false,
        }
    }
}

const EMPTY: Shape = Struct(&[]);

pub(crate) const FILE_METADATA: Shape = Struct(&[
    (1, Int),
    (2, List(&SCHEMA_ELEMENT)),
    (3, Int),
    (4, List(&ROW_GROUP)),
    (5, List(&KEY_VALUE)),
    (6, Bytes),
    (7, List(&EMPTY)),
    (8, EMPTY),
    (9, Bytes),
]);

const SCHEMA_ELEMENT: Shape = Struct(&[
    (1, Int),
    (2, Int),
    (3, Int),
    (4, Bytes),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, Int),
    (9, Int),
    (10, LOGICAL_TYPE),
]);

const TIME: Shape = Struct(&[(1, Flag), (2, Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))]);

const LOGICAL_TYPE: Shape = Struct(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Struct(&[(1, Int), (2, Int)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Struct(&[(1, Byte), (2, Flag)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Bytes)])),
    (18, Struct(&[(1, Bytes), (2, Int)])),
]);

const KEY_VALUE: Shape = Struct(&[(1, Bytes), (2, Bytes)]);

const ROW_GROUP: Shape = Struct(&[
    (1, List(&COLUMN_CHUNK)),
    (2, Int),
    (3, Int),
    (4, List(&Struct(&[(1, Int), (2, Flag), (3, Flag)]))),
    (5, Int),
    (6, Int),
    (7, Int),
]);

const COLUMN_CHUNK: Shape = Struct(&[
    (1, Bytes),
    (2, Int),
    (3, COLUMN_METADATA),
    (4, Int),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, EMPTY),
    (9, Bytes),
]);

const COLUMN_METADATA: Shape = Struct(&[
    (1, Int),
    (2, List(&Int)),
    (3, List(&Bytes)),
    (4, Int),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, List(&KEY_VALUE)),
    (9, Int),
    (10, Int),
    (11, Int),
    (12, STATISTICS),
    (13, List(&Struct(&[(1, Int), (2, Int), (3, Int)]))),
    (14, Int),
    (15, Int),
    (16, Struct(&[(1, Int), (2, List(&Int)), (3, List(&Int))])),
    (17, Struct(&[(1, BOUNDING_BOX), (2, List(&Int))])),
]);

const STATISTICS: Shape = Struct(&[
    (1, Bytes),
    (2, Bytes),
    (3, Int),
    (4, Int),
    (5, Bytes),
    (6, Bytes),
    (7, Flag),
    (8, Flag),
    (9, Int),
]);

const BOUNDING_BOX: Shape = Struct(&[
    (1, Double),
    (2, Double),
    (3, Double),
    (4, Double),
    (5, Double),
    (6, Double),
    (7, Double),
    (8, Double),
]);

pub(crate) const PAGE_HEADER: Shape = Struct(&[
    (1, Int),
    (2, Int),
    (3, Int),
    (4, Int),
    (5, Struct(&[(1, Int), (2, Int), (3, Int), (4, Int), (5, STATISTICS)])),
    (6, EMPTY),
    (7, Struct(&[(1, Int), (2, Int), (3, Flag)])),
    (8, Struct(&[(1, Int), (2, Int), (3, Int), (4, Int), (5, Int), (6, Int), (7, Flag), (8, STATISTICS)])),
]);
