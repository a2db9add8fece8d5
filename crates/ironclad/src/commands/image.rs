use std::path::PathBuf;

use serde_json::json;

use super::{one_thread, print};
use crate::cli::{Output, Settings};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::nodes;

mod runtime;

/// Bring images into the cluster without a registry, and list what is there
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  ironclad image import web.tar store.tar\n  ironclad image list")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Import image archives, as `docker save` and `cargo xtask images` write them
    #[command(after_help = "Example:\n  ironclad image import target/images/*.tar")]
    Import {
        #[arg(required = true, value_name = "FILE.tar")]
        archives: Vec<PathBuf>,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the images that pods can start from
    #[command(after_help = "Example:\n  ironclad image list --output json")]
    List {
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        settings: Settings,
    },
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tokio = one_thread()?;
    match &arguments.command {
        Command::Import { archives, settings } => tokio.block_on(import(archives, settings)),
        Command::List { output, settings } => tokio.block_on(list(*output, settings)),
    }
}

async fn import(archives: &[PathBuf], settings: &Settings) -> Result<(), Failure> {
    let config = settings.load()?;
    for name in import_into(&config, archives).await? {
        print(&name)?;
    }
    for place in nodes::places(&config, "") {
        import_into(&place.config, archives).await?;
    }
    Ok(())
}

/// Into the runtime of one node. Returns the images' names.
async fn import_into(config: &Config, archives: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let runtime = runtime::find(config).await?;
    let cri = runtime.client();
    let mut names = Vec::new();
    for archive in archives {
        let imported = runtime.importer().import(&cri, archive).await;
        names.extend(
            imported.map_err(|error| {
                Failure::of(&format!("{} was not imported", archive.display()), &error, "")
            })?,
        );
    }
    Ok(names)
}

async fn list(output: Output, settings: &Settings) -> Result<(), Failure> {
    let runtime = runtime::find(&settings.load()?).await?;
    let images = ironclad_runtime::images::list(&runtime.client())
        .await
        .map_err(|error| Failure::of("the container runtime did not list its images", &error, ""))?;
    if output == Output::Json {
        let images = images
            .iter()
            .map(|image| json!({"names": image.names, "id": image.id, "sizeBytes": image.size_bytes}));
        return print(&super::json(&images.collect::<Vec<_>>())?);
    }
    let rows = images.iter().flat_map(|image| {
        image.names.iter().map(|name| (name.clone(), short(&image.id), megabytes(image.size_bytes)))
    });
    let rows: Vec<_> = rows.collect();
    let width = rows.iter().map(|(name, ..)| name.len()).chain([5]).max().unwrap_or(5);
    print(&format!("{:width$}  {:12}  SIZE", "IMAGE", "ID"))?;
    rows.iter().try_for_each(|(name, id, size)| print(&format!("{name:width$}  {id:12}  {size}")))
}

fn short(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(12).collect()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn no_runtime(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Instance, what, "start the cluster first: ironclad up")
}
