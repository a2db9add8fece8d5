//! Container images made from files at hand: no registry, no docker, nothing downloaded.
//!
//! * [`Layer`] gathers files; [`Image`] is layers and a configuration; [`write_archive`] puts it into a
//!   tar file in OCI layout, which containerd, podman and docker import. The same input gives the same
//!   bytes.
//! * [`pause`] is the image of the pod sandbox, with a program that this crate assembles itself.
//! * [`busybox`] packs a static busybox, the base of the examples.
//! * [`archive_names`] reads which images an archive holds.
//!
//! Absent on purpose: the way into a runtime (`ironclad_runtime::images`), and compression: archives are
//! made and read on one machine.

mod archive;
pub mod busybox;
mod config;
mod layer;
mod names;
pub mod pause;

pub use archive::{ArchiveError, Image, write_archive};
pub use config::{Architecture, Config};
pub use layer::{Layer, LayerError};
pub use names::{NamesError, archive_names};
