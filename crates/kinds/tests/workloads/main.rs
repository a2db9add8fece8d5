//! Pods and what makes them, through the real engine over the store's reference model.

mod budget;
mod deletes;
mod jobs;
mod pods;
mod replicas;
mod world;
