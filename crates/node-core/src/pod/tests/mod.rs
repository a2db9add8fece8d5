mod ending;
mod failures;
mod histories;
mod running;
pub mod world;
