//! Inputs to start from: files of `corpus/TARGET/`, and what a target makes itself.

use std::fs;
use std::path::PathBuf;

use crate::Target;

/// The target's folder of inputs.
pub fn folder(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// All inputs to start from, in the same order every time.
pub fn read(target: &Target) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(target)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let mut inputs: Vec<Vec<u8>> = paths.into_iter().filter_map(|path| fs::read(path).ok()).collect();
    inputs.extend((target.made)());
    inputs
}
