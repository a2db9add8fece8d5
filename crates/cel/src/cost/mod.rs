//! What expressions cost: what they have cost when they ran, and what they may cost at most.
//! A unit is the work of reading a field. Both figures are part of the API: they decide which
//! rules are accepted and when one is stopped.

mod charge;
mod estimate;
mod interval;
mod library;
mod sizes;

pub(crate) use charge::{Charge, equality};
pub(crate) use estimate::estimate;
pub use interval::{Estimate, Interval};
pub use sizes::Sizes;

/// Of walking a string once, for each character.
const TRAVERSAL: f64 = 0.1;
/// Of a pattern, for each of its characters, for each unit of the string.
const PATTERN: f64 = 0.25;
/// The longest pattern behind a named format, in characters.
const LONGEST_FORMAT_PATTERN: f64 = 128.0;
/// Of an authorization check: two of them are as much as one expression may cost.
const CHECK: u64 = 350_000;
const LIST: u64 = 10;
const MAP: u64 = 30;
const MESSAGE: u64 = 40;
