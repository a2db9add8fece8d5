//! Bringing image archives into a runtime.
//!
//! CRI can only pull. containerd's own tool `ctr`, which is in the same package as containerd, can import,
//! and its result is what CRI sees when it is put into the namespace `k8s.io`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ironclad_cri::v1::ImageSpec;
use ironclad_cri::{Cri, CriError};
use ironclad_images::{Architecture, ArchiveError, NamesError, archive_names, pause, write_archive};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::config::Snapshotter;
use crate::containerd::Running;
use crate::host::{program, search_path};

/// Why an archive is not in the runtime.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("reading {}: {source}", archive.display())]
    Open { archive: PathBuf, source: std::io::Error },
    #[error("{}: {source}", archive.display())]
    Names { archive: PathBuf, source: NamesError },
    #[error(
        "ctr, containerd's own tool, is not installed and images are imported with it; run: apt-get install containerd"
    )]
    NoCtr,
    #[error("running {}: {source}", ctr.display())]
    Run { ctr: PathBuf, source: std::io::Error },
    #[error("containerd did not take the images: {message}")]
    Refused { message: String },
    #[error("containerd took {image}, but CRI does not show it after {waited:?}")]
    NotShown { image: String, waited: Duration },
    #[error("no sandbox image is built in for this processor ({})", std::env::consts::ARCH)]
    NoSandboxProgram,
    #[error("building the sandbox image: {0}")]
    Build(#[from] ArchiveError),
    #[error(transparent)]
    Cri(#[from] CriError),
}

/// The way into one containerd.
#[derive(Debug, Clone)]
pub struct Importer {
    socket: PathBuf,
    /// Whether `ctr` unpacks for the snapshotter that CRI uses, or that is left to the first container.
    unpack: bool,
}

/// An image as `image list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// Names with tags, sorted; without any, the names with digests.
    pub names: Vec<String>,
    pub id: String,
    pub size_bytes: u64,
}

impl Importer {
    /// For the containerd at `socket`. `snapshotter` is the one its CRI uses, if known.
    pub fn new(socket: impl Into<PathBuf>, snapshotter: Option<&str>) -> Self {
        // ctr unpacks with containerd's default snapshotter only, in containerd 2 at least.
        let unpack = snapshotter.is_none_or(|snapshotter| snapshotter == Snapshotter::Overlayfs.name());
        Self { socket: socket.into(), unpack }
    }

    /// Imports every image of the archive and returns their names, once CRI shows them.
    /// Importing an archive again changes nothing; a name that is taken moves to the new image.
    pub async fn import(&self, cri: &dyn Cri, archive: &Path) -> Result<Vec<String>, ImportError> {
        let open = |source| ImportError::Open { archive: archive.to_owned(), source };
        let file = std::fs::File::open(archive).map_err(open)?;
        let names = tokio::task::spawn_blocking(move || archive_names(file)).await;
        let names = names.map_err(|error| open(error.into()))?;
        let names = names.map_err(|source| ImportError::Names { archive: archive.to_owned(), source })?;
        let file = std::fs::File::open(archive).map_err(open)?;
        self.ctr_import(Stdio::from(file), &[]).await?;
        self.until_shown(cri, &names).await?;
        Ok(names)
    }

    /// Makes sure that the sandbox image is there under `name`: the built-in one, if there is none.
    pub async fn ensure_sandbox_image(&self, cri: &dyn Cri, name: &str) -> Result<(), ImportError> {
        if is_shown(cri, name).await? {
            return Ok(());
        }
        let architecture = Architecture::host().ok_or(ImportError::NoSandboxProgram)?;
        let image = pause::image(architecture).map_err(ArchiveError::from)?;
        let mut archive = Vec::new();
        write_archive(&[(name, &image)], &mut archive)?;
        self.ctr_import(Stdio::piped(), &archive).await?;
        self.until_shown(cri, &[name.to_owned()]).await
    }

    /// Runs `ctr images import -` with `stdin`, or with `bytes` when that is a pipe.
    async fn ctr_import(&self, stdin: Stdio, bytes: &[u8]) -> Result<(), ImportError> {
        let ctr = program("ctr", &search_path()).ok_or(ImportError::NoCtr)?;
        let run = |source| ImportError::Run { ctr: ctr.clone(), source };
        let mut command = Command::new(&ctr);
        command.arg("--address").arg(&self.socket).args(["--namespace", "k8s.io", "images", "import"]);
        if !self.unpack {
            command.arg("--no-unpack");
        }
        command.arg("-").stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(run)?;
        if let Some(mut pipe) = child.stdin.take() {
            // A ctr that ends early says why on its standard error; that the pipe broke says nothing.
            let _ = pipe.write_all(bytes).await;
        }
        let output = child.wait_with_output().await.map_err(run)?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        Err(ImportError::Refused { message: message.trim().trim_start_matches("ctr: ").to_owned() })
    }

    /// CRI learns of new images through containerd's events, a moment later.
    async fn until_shown(&self, cri: &dyn Cri, names: &[String]) -> Result<(), ImportError> {
        for name in names {
            let mut waited = Duration::ZERO;
            while !is_shown(cri, name).await? {
                if waited >= SHOWN_LIMIT {
                    return Err(ImportError::NotShown { image: name.clone(), waited });
                }
                tokio::time::sleep(SHOWN_POLL).await;
                waited += SHOWN_POLL;
            }
        }
        Ok(())
    }
}

const SHOWN_POLL: Duration = Duration::from_millis(10);
const SHOWN_LIMIT: Duration = Duration::from_secs(10);

impl Running {
    /// The way for images into this containerd.
    pub fn importer(&self) -> Importer {
        Importer::new(&self.socket, Some(self.snapshotter.name()))
    }
}

/// The images on disk, sorted by name.
pub async fn list(cri: &dyn Cri) -> Result<Vec<ListedImage>, CriError> {
    let mut images: Vec<_> = cri.list_images(None).await?.into_iter().map(listed).collect();
    images.sort_by(|a, b| (&a.names, &a.id).cmp(&(&b.names, &b.id)));
    Ok(images)
}

fn listed(image: ironclad_cri::v1::Image) -> ListedImage {
    let mut names = if image.repo_tags.is_empty() { image.repo_digests } else { image.repo_tags };
    names.sort();
    ListedImage { names, id: image.id, size_bytes: image.size }
}

async fn is_shown(cri: &dyn Cri, name: &str) -> Result<bool, CriError> {
    let image = ImageSpec { image: name.to_owned(), ..ImageSpec::default() };
    Ok(cri.image_status(image, false).await?.image.is_some())
}
