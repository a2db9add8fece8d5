//! The real engine over the store's reference model, on a simulated clock: tables of
//! requests and what they are answered with.

mod claims;
mod creates;
mod deletes;
mod kinds;
mod lists;
mod observers;
mod patches;
mod scales;
mod tables;
mod updates;
mod versions;
mod watches;
mod world;
