//! The config of a container, from the pod, what its sources resolved to, and the node.

pub mod dns;
pub mod env;
pub mod env_file;
pub mod expand;
pub mod hosts;
pub mod labels;
pub mod mounts;
pub mod resources;
pub mod security;
pub mod service_env;

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::downward::Addresses;
use crate::effect::CreateContainer;
use crate::settings::NodeSettings;
use crate::sources::Sources;
use crate::spec;
use env::EnvInput;
use expand::expand;
use mounts::{Mount, MountedVolume, Volumes};
use resources::LinuxResources;
use security::ContainerSecurity;

/// What CRI's CreateContainer is to be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerConfig {
    pub name: String,
    pub attempt: u32,
    /// The image's id or digested reference.
    pub image_ref: String,
    /// The image as the spec has it.
    pub user_specified_image: String,
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub working_dir: String,
    pub env: BTreeMap<String, String>,
    pub mounts: Vec<Mount>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// Relative to the sandbox's log directory.
    pub log_path: String,
    pub stdin: bool,
    pub stdin_once: bool,
    pub tty: bool,
    pub resources: LinuxResources,
    pub security: ContainerSecurity,
    /// Files that the shell writes before it creates the container; they are among `mounts`.
    pub files: Vec<NodeFile>,
}

/// A file on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFile {
    pub path: String,
    pub contents: String,
    pub mode: u32,
}

/// What a config is built from.
pub struct BuildInput<'a> {
    pub settings: &'a NodeSettings,
    pub create: &'a CreateContainer,
    pub sources: &'a Sources,
    /// The pod's volumes that are set up, by name.
    pub volumes: &'a BTreeMap<String, MountedVolume>,
    /// Names this attempt's termination message file apart from earlier ones'.
    pub nonce: u32,
}

/// Builds the config. An error's text is upstream's, for a `CreateContainerConfigError`.
pub fn build(input: &BuildInput<'_>) -> Result<ContainerConfig, String> {
    let BuildInput { settings, create, sources, .. } = *input;
    let pod: &Pod = &create.pod;
    let pod_spec = spec::of(pod);
    let found = spec::container(&pod_spec, &create.name);
    let container = found.ok_or_else(|| format!("no container {} in the pod", create.name))?.container;
    let hosts: Vec<String> = settings.host_ips.iter().map(IpAddr::to_string).collect();
    let addresses = Addresses { hosts, pods: create.pod_ips.clone() };
    let node = &settings.allocatable;
    let env =
        env::environment(&EnvInput { pod, container: &container, sources, addresses: &addresses, node })?;
    let volumes = Volumes {
        mounted: input.volumes.clone(),
        images: create.image_volumes.clone(),
        recursive_read_only: settings.recursive_read_only_mounts,
    };
    let mut mounts = mounts::of_container(&container, &volumes, &env)?;
    let files = node_files(input, &container, &mut mounts)?;
    let expanded = |list: &Option<Vec<String>>| {
        let list = list.iter().flatten();
        list.map(|text| expand(text, |name| env.get(name).map(String::as_str))).collect()
    };
    Ok(ContainerConfig {
        name: create.name.clone(),
        attempt: create.attempt,
        image_ref: create.image.image_ref.clone(),
        user_specified_image: container.image.clone().unwrap_or_default(),
        command: expanded(&container.command),
        args: expanded(&container.args),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        mounts,
        files,
        labels: labels::of_container(pod, &create.name),
        annotations: labels::annotations(pod, &container, create.attempt),
        log_path: format!("{}/{}.log", create.name, create.attempt),
        stdin: container.stdin.unwrap_or(false),
        stdin_once: container.stdin_once.unwrap_or(false),
        tty: container.tty.unwrap_or(false),
        resources: resources::of_container(settings, pod, &container),
        security: security::of_container(
            settings,
            pod,
            &container,
            &create.image,
            create.target_id.as_deref(),
        )?,
        env,
    })
}

/// `/etc/hosts`, unless the container mounts its own, and the termination message file.
fn node_files(
    input: &BuildInput<'_>,
    container: &Container,
    mounts: &mut Vec<Mount>,
) -> Result<Vec<NodeFile>, String> {
    const ETC_HOSTS: &str = "/etc/hosts";
    let (settings, pod) = (input.settings, &input.create.pod);
    let uid = spec::uid(pod);
    let mut files = Vec::new();
    let mut add = |container_path: &str, file: NodeFile| {
        mounts.push(Mount {
            container_path: container_path.to_owned(),
            host_path: file.path.clone(),
            ..Default::default()
        });
        files.push(file);
    };
    let pod_ips = &input.create.pod_ips;
    let has_names = !pod_ips.is_empty() || spec::host_network(&spec::of(pod));
    let own_hosts = container.volume_mounts.iter().flatten().any(|m| m.mount_path == ETC_HOSTS);
    if has_names && !own_hosts {
        let contents = hosts::file(settings, pod, pod_ips)?;
        add(ETC_HOSTS, NodeFile { path: settings.hosts_file(uid), contents, mode: 0o644 });
    }
    if let Some(path) = container.termination_message_path.as_deref().filter(|path| !path.is_empty()) {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let host = format!("{}/{:08x}", settings.container_dir(uid, &container.name), input.nonce);
        add(&path, NodeFile { path: host, contents: String::new(), mode: 0o666 });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ImageFact;
    use crate::pod::tests::world::settings;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn config(container: Value) -> Result<ContainerConfig, String> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u"},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 30},
        }))
        .unwrap();
        let create = CreateContainer {
            pod: Arc::new(pod),
            name: "a".into(),
            attempt: 2,
            sandbox_id: "s".into(),
            sandbox: Arc::default(),
            image: ImageFact { image_ref: "sha256:1".into(), ..Default::default() },
            image_volumes: BTreeMap::new(),
            pod_ips: vec!["10.0.0.1".into()],
            target_id: None,
        };
        let volumes = [("v".to_owned(), MountedVolume { host_path: "/v".into(), read_only: false })].into();
        build(&BuildInput {
            settings: &settings(),
            create: &create,
            sources: &Sources::default(),
            volumes: &volumes,
            nonce: 0xab,
        })
    }

    #[test]
    fn a_config_has_everything_the_runtime_needs() {
        let found = config(json!({
            "name": "a", "image": "busybox", "command": ["sh", "-c"], "args": ["echo $(X)$(NO)"],
            "workingDir": "/w", "tty": true, "stdin": true,
            "env": [{"name": "X", "value": "1"}],
            "volumeMounts": [{"name": "v", "mountPath": "/data"}],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        }))
        .unwrap();
        assert_eq!((found.command, found.args), (vec!["sh".into(), "-c".into()], vec!["echo 1$(NO)".into()]));
        assert_eq!((found.working_dir.as_str(), found.log_path.as_str()), ("/w", "a/2.log"));
        assert!(found.tty && found.stdin && !found.stdin_once);
        let mounts: Vec<_> =
            found.mounts.iter().map(|m| (m.container_path.as_str(), m.host_path.as_str())).collect();
        assert_eq!(
            mounts,
            [
                ("/data", "/v"),
                ("/etc/hosts", "/var/lib/kubelet/pods/u/etc-hosts"),
                ("/dev/termination-log", "/var/lib/kubelet/pods/u/containers/a/000000ab"),
            ]
        );
        assert_eq!(found.files.iter().map(|f| f.mode).collect::<Vec<_>>(), [0o644, 0o666]);
        assert_eq!(found.labels[labels::CONTAINER_NAME], "a");
        assert_eq!(found.annotations[labels::RESTART_COUNT], "2");
        assert_eq!(found.annotations[labels::TERMINATION_MESSAGE_POLICY], "File");
        assert_eq!(found.annotations["io.kubernetes.pod.terminationGracePeriod"], "30");
    }

    #[test]
    fn a_container_that_brings_its_own_hosts_file_is_given_none() {
        let found = config(json!({"name": "a", "volumeMounts": [{"name": "v", "mountPath": "/etc/hosts"}]}));
        assert_eq!(found.unwrap().mounts.len(), 1);
    }

    #[test]
    fn what_cannot_be_built_says_why() {
        let missing = json!({"name": "a", "volumeMounts": [{"name": "no", "mountPath": "/x"}]});
        assert_eq!(config(missing).unwrap_err(), "cannot find volume \"no\" to mount into container \"a\"");
    }
}
