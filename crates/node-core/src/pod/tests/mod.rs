mod ending;
mod failures;
mod histories;
mod running;
mod world;
