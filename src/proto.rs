//! The studio's internal services and their messages, generated from `proto/ingestion.proto`.
//!
//! Both sides are here: the clients that call a studio and the servers that the stand-in serves.
//! Nothing is added to what the generator writes.

tonic::include_proto!("ingestion");
