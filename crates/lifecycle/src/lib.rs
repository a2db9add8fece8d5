//! The life of Ironclad on a machine: whether it can start, whether it runs, and how it goes without a trace.
//!
//! * [`preflight`]: what a machine lacks, each with the next step.
//! * [`instance`]: one Ironclad per run folder; finding and ending it.
//!
//! Decisions are plain functions of facts (`preflight::problems`); gathering the facts is apart from them.

pub mod instance;
pub mod preflight;
