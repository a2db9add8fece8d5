//! Any target, by the environment variable `TARGET`.
#![no_main]

use std::sync::LazyLock;

use ironclad_fuzz::targets::{self, Target};
use libfuzzer_sys::fuzz_target;

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").unwrap_or_default();
    targets::ALL.iter().find(|target| target.name == name).unwrap_or_else(|| {
        let names: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
        panic!("TARGET is none of {}", names.join(", "))
    })
});

fuzz_target!(|input: &[u8]| (CHOSEN.check)(input));
