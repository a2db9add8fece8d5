//! What every decoder must hold, whatever it is fed.
//!
//! A [`Target`] is a function from bytes to nothing that panics if its decoder breaks a promise: each is one
//! file in [`targets`] and one line in [`targets::ALL`]. Who feeds it is not its business:
//!
//! - `cargo test -p ironclad-fuzz` feeds every target its corpus and some thousands of inputs [made of
//!   it](mutate), the same ones each time;
//! - `cargo run -p ironclad-fuzz -- TARGET --seconds 600` goes on for as long as it may, with another seed each time;
//! - `libfuzzer/` hands the same functions to cargo-fuzz, which finds its way by the coverage.
//!
//! The corpus, `corpus/TARGET/`, is one file per input. What once broke a target stays there.

pub mod corpus;
pub mod drive;
pub mod mutate;
pub mod targets;

pub use targets::Target;
