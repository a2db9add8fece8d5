//! Which Kubernetes this is.

/// As `/version` and every Node say it, for clients compare the two: the Kubernetes whose API this is, with our own
/// version as build metadata of the semantic version.
pub const GIT_VERSION: &str = concat!("v1.36.2+ironclad-", env!("CARGO_PKG_VERSION"));
