//! The life of Ironclad on a machine: whether it can start, whether it runs, and how it goes without a trace.
//!
//! * [`preflight`]: what a machine lacks, each with the next step.
//! * [`instance`]: one Ironclad per run folder; finding and ending it.
//! * [`reset`]: what there is of a cluster on a machine, and the steps that take it away.
//!
//! Decisions are plain functions of facts (`preflight::problems`); gathering the facts is apart from them.

pub mod instance;
pub mod preflight;
pub mod reset;
