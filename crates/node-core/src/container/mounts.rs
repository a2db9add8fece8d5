//! What is mounted into a container.

use std::collections::BTreeMap;

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::{Container, VolumeMount};

use super::expand::expand;

/// A bind mount, or an image mounted as a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    pub container_path: String,
    /// Empty for an image.
    pub host_path: String,
    /// What of `host_path` is mounted, relative and without `..`; empty for all of it. The shell makes it if
    /// it is not there and resolves it inside `host_path`, following no link out of it.
    pub sub_path: String,
    pub read_only: bool,
    pub recursive_read_only: bool,
    pub propagation: Propagation,
    /// The reference of an image volume.
    pub image: Option<String>,
    /// The path within the image.
    pub image_sub_path: String,
}

/// How mounts made on one side appear on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    #[default]
    Private,
    HostToContainer,
    Bidirectional,
}

/// A volume of the pod that is set up on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountedVolume {
    pub host_path: String,
    /// Whether the volume itself is read-only (ConfigMaps, Secrets and the like are).
    pub read_only: bool,
}

/// The volumes of a pod, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    pub mounted: BTreeMap<String, MountedVolume>,
    /// References of image volumes.
    pub images: BTreeMap<String, String>,
    /// Whether the runtime makes read-only mounts read-only all the way down.
    pub recursive_read_only: bool,
}

/// The mounts of a container's `volumeMounts`. Errors are upstream's.
pub fn of_container(
    container: &Container,
    volumes: &Volumes,
    env: &BTreeMap<String, String>,
) -> Result<Vec<Mount>, String> {
    container.volume_mounts.iter().flatten().map(|mount| one(container, mount, volumes, env)).collect()
}

fn one(
    container: &Container,
    mount: &VolumeMount,
    volumes: &Volumes,
    env: &BTreeMap<String, String>,
) -> Result<Mount, String> {
    let sub_path = sub_path(mount, env)?;
    let propagation = propagation(mount)?;
    let recursive_read_only = recursive(mount, volumes.recursive_read_only)
        .map_err(|why| format!("failed to resolve recursive read-only mode: {why}"))?;
    let stated = Mount {
        container_path: absolute(&mount.mount_path),
        read_only: mount.read_only.unwrap_or(false),
        recursive_read_only,
        propagation,
        ..Default::default()
    };
    if let Some(image) = volumes.images.get(&mount.name) {
        return Ok(Mount { image: Some(image.clone()), image_sub_path: sub_path, read_only: true, ..stated });
    }
    let Some(volume) = volumes.mounted.get(&mount.name) else {
        let (volume, container) = (goprint::quote(&mount.name), goprint::quote(&container.name));
        return Err(format!("cannot find volume {volume} to mount into container {container}"));
    };
    Ok(Mount {
        host_path: volume.host_path.clone(),
        sub_path,
        read_only: stated.read_only || volume.read_only,
        ..stated
    })
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn sub_path(mount: &VolumeMount, env: &BTreeMap<String, String>) -> Result<String, String> {
    let path = match mount.sub_path_expr.as_deref().filter(|expr| !expr.is_empty()) {
        Some(expr) => expanded(expr, env)?,
        None => mount.sub_path.clone().unwrap_or_default(),
    };
    if path.starts_with('/') {
        return Err(format!("error SubPath `{path}` must not be an absolute path"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("unable to provision SubPath `{path}`: must not contain '..'"));
    }
    Ok(path)
}

/// Every variable must have a value: a path with a hole in it would be another volume's.
fn expanded(expr: &str, env: &BTreeMap<String, String>) -> Result<String, String> {
    let missing = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let path = expand(expr, |name| {
        let value = env.get(name).map(String::as_str).unwrap_or_default();
        if value.is_empty() {
            missing.borrow_mut().insert(name.to_owned());
        }
        Some(value)
    });
    let missing: Vec<String> = missing.into_inner().into_iter().collect();
    if missing.is_empty() { Ok(path) } else { Err(format!("missing value for {}", missing.join(", "))) }
}

fn propagation(mount: &VolumeMount) -> Result<Propagation, String> {
    match mount.mount_propagation.as_deref() {
        None | Some("None") => Ok(Propagation::Private),
        Some("HostToContainer") => Ok(Propagation::HostToContainer),
        Some("Bidirectional") => Ok(Propagation::Bidirectional),
        Some(other) => Err(format!("invalid MountPropagation mode: {}", goprint::quote(other))),
    }
}

fn recursive(mount: &VolumeMount, supported: bool) -> Result<bool, String> {
    let mode = match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => return Ok(false),
        Some(mode) => mode,
    };
    let asked = format!("volume {} requested recursive read-only mode", goprint::quote(&mount.name));
    if !mount.read_only.unwrap_or(false) {
        return Err(format!("{asked}, but it is not read-only"));
    }
    if let Some(propagation) = mount.mount_propagation.as_deref().filter(|p| *p != "None") {
        let propagation = goprint::quote(propagation);
        return Err(format!("{asked}, but it is not compatible with propagation {propagation}"));
    }
    match mode {
        "IfPossible" => Ok(supported),
        "Enabled" if supported => Ok(true),
        "Enabled" => Err(format!("{asked}, but it is not supported by the runtime")),
        other => Err(format!("unknown recursive read-only mode {}", goprint::quote(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn mounted(mount: Value) -> Result<Mount, String> {
        let container: Container =
            serde_json::from_value(json!({"name": "a", "volumeMounts": [mount]})).unwrap();
        let volume = |read_only| MountedVolume { host_path: "/v".into(), read_only };
        let volumes = Volumes {
            mounted: [("v".to_owned(), volume(false)), ("cm".to_owned(), volume(true))].into(),
            images: [("i".to_owned(), "sha256:1".to_owned())].into(),
            recursive_read_only: false,
        };
        let env = [("POD".to_owned(), "web".to_owned()), ("EMPTY".to_owned(), String::new())].into();
        of_container(&container, &volumes, &env).map(|mut mounts| mounts.remove(0))
    }

    #[test]
    fn a_mount_follows_its_spec_and_its_volume() {
        let check =
            |mount: Value, expected: Mount| assert_eq!(mounted(mount.clone()), Ok(expected), "{mount}");
        let v = || Mount { container_path: "/x".into(), host_path: "/v".into(), ..Default::default() };
        check(json!({"name": "v", "mountPath": "/x"}), v());
        check(json!({"name": "v", "mountPath": "x", "readOnly": true}), Mount { read_only: true, ..v() });
        check(json!({"name": "cm", "mountPath": "/x"}), Mount { read_only: true, ..v() });
        check(
            json!({"name": "v", "mountPath": "/x", "subPath": "a/b"}),
            Mount { sub_path: "a/b".into(), ..v() },
        );
        check(
            json!({"name": "v", "mountPath": "/x", "subPathExpr": "$(POD)/logs"}),
            Mount { sub_path: "web/logs".into(), ..v() },
        );
        check(
            json!({"name": "v", "mountPath": "/x", "mountPropagation": "HostToContainer"}),
            Mount { propagation: Propagation::HostToContainer, ..v() },
        );
        check(
            json!({"name": "v", "mountPath": "/x", "readOnly": true, "recursiveReadOnly": "IfPossible"}),
            Mount { read_only: true, ..v() },
        );
        check(
            json!({"name": "i", "mountPath": "/x", "subPath": "d"}),
            Mount {
                container_path: "/x".into(),
                read_only: true,
                image: Some("sha256:1".into()),
                image_sub_path: "d".into(),
                ..Default::default()
            },
        );
    }

    #[test]
    fn a_mount_that_cannot_be_is_refused() {
        let check = |mut mount: Value, expected: &str| {
            mount["mountPath"] = json!("/x");
            assert_eq!(mounted(mount.clone()), Err(expected.to_owned()), "{mount}");
        };
        check(json!({"name": "no"}), "cannot find volume \"no\" to mount into container \"a\"");
        check(json!({"name": "v", "subPath": "/a"}), "error SubPath `/a` must not be an absolute path");
        check(
            json!({"name": "v", "subPath": "a/../b"}),
            "unable to provision SubPath `a/../b`: must not contain '..'",
        );
        check(json!({"name": "v", "subPathExpr": "$(EMPTY)$(NO)"}), "missing value for EMPTY, NO");
        check(
            json!({"name": "v", "readOnly": true, "recursiveReadOnly": "Enabled"}),
            "failed to resolve recursive read-only mode: volume \"v\" requested recursive read-only mode, but it is not supported by the runtime",
        );
    }
}
