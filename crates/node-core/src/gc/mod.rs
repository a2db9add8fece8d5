//! What can be thrown away: dead containers and sandboxes, and images that nothing uses.

pub mod container;
pub mod image;
