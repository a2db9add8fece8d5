//! `cargo xtask schema`: runs tools/schemagen, which is a workspace of its own so that
//! k8s-openapi's schema feature stays out of the product's graph.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

pub fn run(args: &[String]) -> anyhow::Result<()> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/schemagen");
    let args = if args.is_empty() { &["catalog".to_owned()][..] } else { args };
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(tool.join("Cargo.toml"))
        .arg("--")
        .args(args)
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "schemagen failed");
    Ok(())
}
