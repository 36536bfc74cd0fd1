//! base.

pub(crate) mod arrays;
pub(crate) mod clock;
pub(crate) mod credit;
pub(crate) mod duration;
pub(crate) mod exit;
pub(crate) mod interrupt;
pub(crate) mod jobs;
pub(crate) mod memory;
pub(crate) mod notice;
pub(crate) mod output;
pub(crate) mod own_thread;
pub(crate) mod panic_guard;
pub(crate) mod private;
pub(crate) mod problem;
pub(crate) mod regular;
pub(crate) mod temporary;
pub(crate) mod url;
