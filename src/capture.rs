//! A proxy that records the OTLP requests that pass it.
//!
//! Nothing is decoded on the way: a request's bytes go to the target with the caller's metadata, the target's
//! answer goes back as it came, and a writer of its own puts the bytes into a file. Metadata is never
//! recorded. Forwarding never waits for the disk, and goes on when that is full.

pub(crate) mod recorder;
