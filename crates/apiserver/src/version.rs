//! `/version`.

use serde::Serialize;

/// `version.Info`. `kubectl version` reads it, and clients gate features on `minor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub major: String,
    pub minor: String,
    /// The release whose behaviour the server shows, and the oldest that it can stand beside.
    pub emulation_major: String,
    pub emulation_minor: String,
    pub min_compatibility_major: String,
    pub min_compatibility_minor: String,
    pub git_version: String,
    pub git_commit: String,
    pub git_tree_state: String,
    pub build_date: String,
    pub go_version: String,
    pub compiler: String,
    pub platform: String,
}

impl Version {
    /// `build_date` is RFC 3339.
    pub fn new(commit: &str, build_date: &str) -> Self {
        Self {
            major: "1".into(),
            minor: "36".into(),
            emulation_major: "1".into(),
            emulation_minor: "36".into(),
            min_compatibility_major: "1".into(),
            min_compatibility_minor: "35".into(),
            git_version: ironclad_api::version::GIT_VERSION.into(),
            git_commit: commit.into(),
            git_tree_state: "clean".into(),
            build_date: build_date.into(),
            go_version: "rust".into(),
            compiler: "rustc".into(),
            platform: format!("linux/{}", architecture()),
        }
    }
}

/// As Go names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
