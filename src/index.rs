//! The studio's index of its cold files, `sqlite/metadata.db`: what its pages find spans by.
//!
//! [`copy`] makes a private copy, so that nothing is created, locked or left beside the original, [`read`] gives its
//! rows types, [`glance`] asks for a few of them alone, [`place`] finds the files here that its paths name, and
//! [`visibility`] holds both against each other.
//! The database beside it, `junjo.db`, holds API keys: no code here has a name for it.

pub(crate) mod copy;
pub(crate) mod glance;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod visibility;
pub(crate) mod wait;
