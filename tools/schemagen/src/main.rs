//! Writes `crates/api/data/catalog.txt` and `descriptions.txt`: what the API's types look
//! like, from k8s-openapi's schemas joined with two tables of facts.
//!
//!     schemagen catalog                 rewrite crates/api/data (what `cargo xtask schema` runs)
//!     schemagen go-facts KUBERNETES     rewrite facts/go-facts.csv from a Kubernetes source tree

mod catalog;
mod descriptions;
mod facts;
mod go_facts;
mod go_source;
mod kinds;
mod schemas;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["catalog"] => write_catalog(here),
        ["go-facts", kubernetes] => write_go_facts(here, Path::new(kubernetes)),
        _ => bail!("usage: schemagen catalog | schemagen go-facts KUBERNETES"),
    }
}

/// Joins schemas and facts into the two files that `crates/api` compiles in.
fn write_catalog(here: &Path) -> anyhow::Result<()> {
    let data = here.join("../../crates/api/data");
    let definitions = schemas::collect();
    let merge = facts::merge(&read(&here.join("facts/merge-facts.csv"))?)?;
    let go = facts::go(&read(&here.join("facts/go-facts.csv"))?)?;
    let catalog = catalog::render(&definitions, &merge, &go)?;
    write(&data.join("catalog.txt"), &catalog)?;
    write(&data.join("descriptions.txt"), &descriptions::render(&definitions))
}

/// Reads Go's struct declarations of a Kubernetes source tree into the table of facts.
fn write_go_facts(here: &Path, kubernetes: &Path) -> anyhow::Result<()> {
    let known = schemas::collect();
    let table = go_facts::table(&go_source::read(kubernetes)?, &known);
    write(&here.join("facts/go-facts.csv"), &table)
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    println!("{} {} bytes", path.display(), text.len());
    Ok(())
}
