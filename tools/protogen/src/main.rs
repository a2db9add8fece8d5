//! Compiles one .proto file into Rust source for tonic and prost.
//!
//! `protogen PROTO OUT_DIR` writes `OUT_DIR/<package>.rs`. Called by `cargo xtask proto`, which also
//! formats the result.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [proto, out_dir] = arguments.as_slice() else {
        eprintln!("usage: protogen PROTO OUT_DIR");
        return ExitCode::from(2);
    };
    match generate(proto, out_dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("protogen: {}: {error}", proto.display());
            ExitCode::FAILURE
        }
    }
}

fn generate(proto: &Path, out_dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let include = proto.parent().unwrap_or(Path::new("."));
    let descriptors = protox::compile([proto], [include])?;
    let mut messages = prost_build::Config::new();
    // BTreeMap: a fixed order on the wire and in test output.
    messages.btree_map(["."]);
    // Credentials must not be printable; the crate writes this Debug by hand.
    messages.skip_debug([".runtime.v1.AuthConfig"]);
    tonic_prost_build::configure()
        .out_dir(out_dir)
        .build_transport(false)
        // The server half exists for tests, which answer the client with a fake runtime.
        .server_mod_attribute(".", "#[cfg(test)]")
        .generate_default_stubs(true)
        .compile_fds_with_config(descriptors, messages)?;
    Ok(())
}
