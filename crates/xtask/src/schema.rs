//! `cargo xtask schema`: runs tools/schemagen, which is a workspace of its own so that
//! k8s-openapi's schema feature stays out of the product's graph.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

/// Rewrite crates/api/data from k8s-openapi's schemas and the tables of facts.
#[derive(clap::Args)]
pub struct Arguments {
    /// First rewrite the table of Go facts from this Kubernetes source tree.
    #[arg(long, value_name = "DIR")]
    kubernetes: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(kubernetes) = &arguments.kubernetes {
        schemagen(&["go-facts".into(), kubernetes.clone()])?;
    }
    schemagen(&["catalog".into()])
}

fn schemagen(arguments: &[PathBuf]) -> anyhow::Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(crate::workspace_root().join("tools/schemagen/Cargo.toml"))
        .arg("--")
        .args(arguments)
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "schemagen failed");
    Ok(())
}
