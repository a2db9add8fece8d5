//! Definitions and the objects of what they define, over a real engine and the store's model.

mod definitions;
mod objects;
mod removal;
mod world;
