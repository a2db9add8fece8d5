//! The container runtime of this machine: one that is there already, or the installed containerd started
//! as a child that outlives Ironclad.
//!
//! * [`find`] asks the usual sockets for a CRI runtime.
//! * [`Containerd`] starts, watches, stops and wipes one of our own, with root, state, socket and
//!   configuration in folders that nobody else uses.
//! * [`open_files`]: the limit of this process, and what containers get of it.
//! * [`images`] brings image archives into a runtime, the built-in sandbox image among them.
//!
//! What is decided (the configuration, what the version can do, who a process is) is in pure functions of
//! facts; the files around them gather the facts and start and signal processes.

mod config;
mod containerd;
mod error;
mod find;
mod host;
pub mod images;
mod layout;
pub mod open_files;
pub mod process;
mod version;
mod wipe;

pub use config::{ConfigFacts, Snapshotter, render};
pub use containerd::{Change, Containerd, Health, Running, Settings};
pub use error::RuntimeError;
pub use find::{Found, USUAL_SOCKETS, find};
pub use host::{CNI_BIN_DIRS, Host, REQUIRED_CNI_PLUGINS};
pub use layout::Layout;
pub use version::Version;
