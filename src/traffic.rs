//! Predictable traffic: a pure function of a plan.
//!
//! Whoever holds a [`plan::Plan`] can make every span of its run again, byte for byte, as sent or
//! as stored. No clock, no I/O and no randomness but the seed's. Ids can be inverted: a stored row
//! tells which planned span it claims to be, even when nothing else of it is right.

pub(crate) mod adversarial;
pub(crate) mod agent;
pub(crate) mod dice;
pub(crate) mod distributed;
pub(crate) mod evaluation;
pub(crate) mod export;
pub(crate) mod figures;
pub(crate) mod getting_started;
pub(crate) mod graph;
pub(crate) mod ids;
pub(crate) mod junjo;
pub(crate) mod llm;
pub(crate) mod minimal;
pub(crate) mod mix;
pub(crate) mod openai_agents;
pub(crate) mod otlp;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod planned;
pub(crate) mod profile;
pub(crate) mod python;
pub(crate) mod recorded;
mod recording;
pub(crate) mod resource;
mod row_template;
mod script;
pub(crate) mod stored;
pub(crate) mod workflow;

#[cfg(test)]
mod fingerprints;
