//! The image of the pod sandbox: one program that holds the pod's namespaces, built in.
//!
//! The program has to live as long as its pod, end at SIGTERM and SIGINT, and, where the pod shares its PID
//! namespace, reap the orphans that its containers leave, being process 1. That is thirty instructions, so
//! they stand here as bytes and no compiler, download or prebuilt binary is needed.

mod elf;
mod program;

pub use elf::executable;

use crate::{Architecture, Config, Image, Layer, LayerError};

/// The sandbox image for an architecture: `/pause`, run as nobody in particular.
pub fn image(architecture: Architecture) -> Result<Image, LayerError> {
    let mut layer = Layer::default();
    layer.file("pause", 0o755, executable(architecture))?;
    // The user that upstream's pause runs as: it needs no privilege and owns no file.
    let config =
        Config { entrypoint: vec!["/pause".into()], user: "65535:65535".into(), ..Config::default() };
    Ok(Image { architecture, config, layers: vec![layer] })
}

#[cfg(test)]
mod tests;
