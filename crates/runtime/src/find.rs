//! A CRI runtime that is there already.

mod dump;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ironclad_cri::{Cri, CriClient, CriError, Deadlines};
use serde::Deserialize;

/// Where runtimes listen by default: containerd, CRI-O. (cri-dockerd is left out on purpose: Docker is no
/// runtime of ours.)
pub const USUAL_SOCKETS: &[&str] = &["/run/containerd/containerd.sock", "/run/crio/crio.sock"];

/// A runtime somewhere that answers CRI v1, and what it says about itself. The options are `None` where it
/// does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub socket: PathBuf,
    /// `containerd`, `cri-o`.
    pub name: String,
    pub version: String,
    /// What it starts pod sandboxes from; unless it is there, it is pulled.
    pub sandbox_image: Option<String>,
    pub snapshotter: Option<String>,
    pub cni_conf_dir: Option<PathBuf>,
    pub cni_bin_dir: Option<PathBuf>,
}

/// The first of `sockets` at which a CRI v1 runtime answers. One that listens but serves no CRI (Docker's
/// containerd with the plugin disabled) is passed over.
pub async fn find(sockets: impl IntoIterator<Item = impl AsRef<Path>>) -> Option<Found> {
    for socket in sockets {
        let socket = socket.as_ref();
        if !socket.exists() {
            continue;
        }
        match ask(socket).await {
            Ok(found) => return Some(found),
            Err(error) => tracing::info!(socket = %socket.display(), %error, "no usable CRI runtime here"),
        }
    }
    None
}

async fn ask(socket: &Path) -> Result<Found, CriError> {
    let brief = Deadlines { ordinary: PATIENCE, version: PATIENCE, ..Deadlines::default() };
    let client = CriClient::new(socket, brief);
    let version = client.version().await?;
    let status = client.status(true).await?;
    let config = status.info.get("config").map(|text| Config::parse(text)).unwrap_or_default();
    let dump = match &config.sandbox_image {
        None if version.runtime_name == "containerd" => dump::of_listener(socket).await,
        _ => None,
    };
    Ok(Found {
        socket: socket.to_owned(),
        name: version.runtime_name,
        version: version.runtime_version,
        // containerd 2 keeps these two in another plugin, of which CRI says nothing.
        sandbox_image: config.sandbox_image.or(dump.as_deref().and_then(dump::sandbox_image)),
        snapshotter: config.containerd.snapshotter.or(dump.as_deref().and_then(dump::snapshotter)),
        cni_conf_dir: config.cni.conf_dir,
        cni_bin_dir: config.cni.bin_dirs.into_iter().next().or(config.cni.bin_dir),
    })
}

/// A runtime that is there answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The part of containerd's CRI configuration that matters here, as its verbose status prints it.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    sandbox_image: Option<String>,
    containerd: ContainerdConfig,
    cni: CniConfig,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct ContainerdConfig {
    snapshotter: Option<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct CniConfig {
    bin_dir: Option<PathBuf>,
    /// In place of the former since containerd 2.1.
    bin_dirs: Vec<PathBuf>,
    conf_dir: Option<PathBuf>,
}

impl Config {
    /// The text is for debugging and promises nothing, so what cannot be read is not known.
    fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_says_is_read_as_far_as_it_goes() {
        let said = r#"{"containerd":{"snapshotter":"overlayfs","defaultRuntimeName":"runc"},
            "cni":{"binDir":"/usr/lib/cni","confDir":"/etc/cni/net.d"},"sandboxImage":"k8s.gcr.io/pause:3.6"}"#;
        let config = Config::parse(said);
        assert_eq!(config.sandbox_image.as_deref(), Some("k8s.gcr.io/pause:3.6"));
        assert_eq!(config.containerd.snapshotter.as_deref(), Some("overlayfs"));
        assert_eq!(config.cni.conf_dir.as_deref(), Some(Path::new("/etc/cni/net.d")));
        assert_eq!(config.cni.bin_dir.as_deref(), Some(Path::new("/usr/lib/cni")));
        for nothing in ["", "{}", "[]", r#"{"cni":7}"#] {
            assert_eq!(Config::parse(nothing), Config::default(), "{nothing}");
        }
    }

    #[tokio::test]
    async fn sockets_without_a_runtime_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let deaf = dir.path().join("deaf.sock");
        drop(tokio::net::UnixListener::bind(&deaf).unwrap());
        assert_eq!(find([deaf, dir.path().join("missing.sock")]).await, None);
    }
}
