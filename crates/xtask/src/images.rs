//! `cargo xtask images`: the images of the examples as archives, from Debian's static busybox and the
//! folders of `examples/images`. Needs no registry, no docker and no root.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ironclad_images::{Architecture, Config, Image, Layer, busybox, pause, write_archive};

/// Builds the images of the examples into target/images.
#[derive(clap::Args)]
pub struct Arguments {
    /// The statically linked busybox to build on (Debian: package busybox-static).
    #[arg(long, default_value = "/bin/busybox")]
    busybox: PathBuf,
    /// The folder to write into, instead of target/images.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// An image made of folders of `examples/images` on top of busybox; served by `serve` from the folder http.
struct Example {
    name: &'static str,
    archive: &'static str,
    /// Lowest first.
    folders: &'static [&'static str],
}

const EXAMPLES: &[Example] = &[
    Example { name: "ironclad.local/store:v1", archive: "store.tar", folders: &["http", "store"] },
    Example { name: "ironclad.local/backend:v1", archive: "backend.tar", folders: &["http", "backend"] },
    Example {
        name: "ironclad.local/frontend:v1",
        archive: "frontend-v1.tar",
        folders: &["http", "frontend"],
    },
    Example {
        name: "ironclad.local/frontend:v2",
        archive: "frontend-v2.tar",
        folders: &["http", "frontend", "frontend-v2"],
    },
];

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = super::workspace_root();
    let out = arguments.out.clone().unwrap_or_else(|| root.join("target/images"));
    std::fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let out = out.canonicalize()?;
    let architecture = Architecture::host().context("Ironclad runs on x86-64 and aarch64 only")?;

    write(&out, "pause.tar", "ironclad.local/pause:1", &pause::image(architecture)?)?;
    let base = busybox::image(&arguments.busybox, architecture)?;
    write(&out, "busybox.tar", "ironclad.local/busybox:1.36", &base)?;
    for example in EXAMPLES {
        let image = build(&root.join("examples/images"), example, &base)?;
        write(&out, example.archive, example.name, &image)?;
    }
    Ok(())
}

fn build(sources: &Path, example: &Example, base: &Image) -> anyhow::Result<Image> {
    let mut image = base.clone();
    for folder in example.folders {
        let mut layer = Layer::default();
        layer.tree(&sources.join(folder)).with_context(|| format!("building {}", example.name))?;
        image.layers.push(layer);
    }
    image.config = Config {
        entrypoint: vec!["serve".into()],
        cmd: Vec::new(),
        user: busybox::USER.into(),
        exposed_ports: vec![8080],
        ..image.config
    };
    Ok(image)
}

fn write(out: &Path, archive: &str, name: &str, image: &Image) -> anyhow::Result<()> {
    let path = out.join(archive);
    let file = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
    write_archive(&[(name, image)], BufWriter::new(file))
        .with_context(|| format!("writing {}", path.display()))?;
    println!("{name} -> {}", path.display());
    Ok(())
}
