mod ending;
mod failures;
mod histories;
mod resizing;
mod running;
pub mod world;
