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
mod stores;
mod tables;
mod threads;
mod updates;
mod versions;
mod watches;
mod world;
