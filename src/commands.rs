//! One file per command: its arguments, which are its help text, and a recipe.

pub(crate) mod audit;
pub(crate) mod capture;
#[cfg(target_os = "linux")]
pub(crate) mod chaos;
pub(crate) mod checks;
#[cfg(target_os = "linux")]
pub(crate) mod child;
#[cfg(feature = "cluster")]
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod faults;
pub(crate) mod flush;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod pages;
pub(crate) mod profiles;
pub(crate) mod progress;
pub(crate) mod replay;
mod reporting;
pub(crate) mod runs;
pub(crate) mod selection;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod snapshot;
pub(crate) mod sql;
mod studio;
pub(crate) mod trace;
pub(crate) mod ui;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod workload;
