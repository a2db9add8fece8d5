//! What an image says about itself (OCI image specification, `config.md`).

use std::collections::BTreeMap;

use serde::Serialize;

/// How the image's program is run when the pod does not say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The program and its first arguments; a pod's `command` replaces it.
    pub entrypoint: Vec<String>,
    /// The arguments after it; a pod's `args` replaces them.
    pub cmd: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// `uid[:gid]` or a name from the image's /etc/passwd; empty: root.
    pub user: String,
    pub working_dir: String,
    /// TCP ports that the program listens on: information only.
    pub exposed_ports: Vec<u16>,
    /// The signal that asks the program to end, such as `SIGINT`; empty: SIGTERM.
    pub stop_signal: String,
    pub labels: BTreeMap<String, String>,
}

/// The processors that Ironclad runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// This machine's, if Ironclad knows it.
    pub fn host() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// The name in image configurations (Go's GOARCH).
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// The configuration blob of an image whose layers are the tar files with these digests.
pub(crate) fn config_blob(config: &Config, architecture: Architecture, layers: &[String]) -> ConfigBlob {
    ConfigBlob {
        architecture: architecture.name(),
        // A fixed date, so that the same files give the same digest.
        created: "1970-01-01T00:00:00Z",
        os: "linux",
        config: RunConfig {
            user: config.user.clone(),
            exposed_ports: config
                .exposed_ports
                .iter()
                .map(|port| (format!("{port}/tcp"), Empty {}))
                .collect(),
            env: config.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: config.entrypoint.clone(),
            cmd: config.cmd.clone(),
            working_dir: config.working_dir.clone(),
            labels: config.labels.clone(),
            stop_signal: config.stop_signal.clone(),
        },
        rootfs: Rootfs { kind: "layers", diff_ids: layers.to_vec() },
    }
}

#[derive(Serialize)]
pub(crate) struct ConfigBlob {
    architecture: &'static str,
    config: RunConfig,
    created: &'static str,
    os: &'static str,
    rootfs: Rootfs,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RunConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, Empty>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cmd: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    stop_signal: String,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Rootfs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<String>,
}
