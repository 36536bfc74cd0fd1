//! Text for people: numbers, words in lines, colour; and text from outside, which may be anything.

pub(crate) mod escape;
pub(crate) mod keys;
pub(crate) mod numbers;
pub(crate) mod paint;
pub(crate) mod secrets;
pub(crate) mod shell;
pub(crate) mod wrap;
