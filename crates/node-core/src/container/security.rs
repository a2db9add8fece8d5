//! Who a container's processes are and what they may do.

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, Pod, PodSecurityContext, PodSpec, SELinuxOptions, SeccompProfile,
    SecurityContext,
};

use crate::facts::ImageFact;
use crate::settings::NodeSettings;
use crate::spec;

/// The identity, rights and isolation of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSecurity {
    pub privileged: bool,
    pub run_as_user: Option<i64>,
    /// A named user of the image; empty if the user is numeric.
    pub run_as_username: String,
    pub run_as_group: Option<i64>,
    pub supplemental_groups: Vec<i64>,
    /// `Merge` or `Strict`.
    pub supplemental_groups_policy: Option<String>,
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
    pub read_only_root: bool,
    pub no_new_privs: bool,
    pub seccomp: Seccomp,
    pub apparmor: Option<AppArmor>,
    pub selinux: Option<SeLinux>,
    pub masked_paths: Vec<String>,
    pub readonly_paths: Vec<String>,
    pub network: Namespace,
    pub ipc: Namespace,
    pub pid: Namespace,
    /// With `pid` Target: the container whose processes it sees.
    pub target_id: String,
}

/// Which namespace a process lives in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// One for all containers of the pod.
    #[default]
    Pod,
    /// The container's own.
    Container,
    /// The node's.
    Node,
    /// That of another container.
    Target,
}

/// Which system calls are let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seccomp {
    RuntimeDefault,
    #[default]
    Unconfined,
    /// The path of a profile on the node.
    Localhost(String),
}

/// Which AppArmor profile confines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppArmor {
    RuntimeDefault,
    Unconfined,
    /// The name of a loaded profile.
    Localhost(String),
}

/// An SELinux label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeLinux {
    pub user: String,
    pub role: String,
    pub kind: String,
    pub level: String,
}

/// Parts of /proc and /sys that tell too much of the node.
const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Parts of /proc that would change the node.
const READONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The security of a container: what it states itself, or else what its pod does, or else its image.
/// Refused with upstream's words if it would run as root and must not.
pub fn of_container(
    settings: &NodeSettings,
    pod: &Pod,
    container: &Container,
    image: &ImageFact,
    target_id: Option<&str>,
) -> Result<ContainerSecurity, String> {
    let pod_spec = spec::of(pod);
    let shared = pod_spec.security_context.clone().unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let run_as_user = own.run_as_user.or(shared.run_as_user);
    verify_non_root(pod, container, run_as_user, own.run_as_non_root.or(shared.run_as_non_root), image)?;
    let image_uid = if image.uid.is_none() && image.username.is_empty() { Some(0) } else { image.uid };
    let unmasked = own.proc_mount.as_deref() == Some("Unmasked");
    let paths = |list: &[&str]| match unmasked {
        true => Vec::new(),
        false => list.iter().map(|path| (*path).to_owned()).collect(),
    };
    let (network, ipc, pid) = namespaces(&pod_spec);
    let capabilities = own.capabilities.clone().unwrap_or_default();
    let target = target_id.filter(|_| pid == Namespace::Container);
    Ok(ContainerSecurity {
        privileged: own.privileged.unwrap_or(false),
        run_as_user: run_as_user.or(image_uid),
        run_as_username: if run_as_user.is_none() { image.username.clone() } else { String::new() },
        run_as_group: own.run_as_group.or(shared.run_as_group),
        supplemental_groups: groups(&shared),
        supplemental_groups_policy: shared.supplemental_groups_policy.clone(),
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
        read_only_root: own.read_only_root_filesystem.unwrap_or(false),
        no_new_privs: own.allow_privilege_escalation == Some(false),
        seccomp: seccomp(settings, own.seccomp_profile.as_ref().or(shared.seccomp_profile.as_ref()))?,
        apparmor: apparmor(&own, &shared)?,
        selinux: own.se_linux_options.as_ref().or(shared.se_linux_options.as_ref()).map(selinux),
        masked_paths: paths(&MASKED_PATHS),
        readonly_paths: paths(&READONLY_PATHS),
        network,
        ipc,
        pid: if target.is_some() { Namespace::Target } else { pid },
        target_id: target.unwrap_or_default().to_owned(),
    })
}

/// `runAsNonRoot` holds only for users it can be checked of: numeric ones.
fn verify_non_root(
    pod: &Pod,
    container: &Container,
    user: Option<i64>,
    non_root: Option<bool>,
    image: &ImageFact,
) -> Result<(), String> {
    if non_root != Some(true) {
        return Ok(());
    }
    let place = format!("(pod: {}, container: {})", goprint::quote(&spec::described(pod)), container.name);
    match (user, image.uid) {
        (Some(0), _) => Err(format!("container's runAsUser breaks non-root policy {place}")),
        (Some(_), _) => Ok(()),
        (None, None) if !image.username.is_empty() => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({}), cannot verify user is non-root {place}",
            image.username
        )),
        (None, None | Some(0)) => {
            Err(format!("container has runAsNonRoot and image will run as root {place}"))
        }
        (None, Some(uid)) if !(0..=i64::from(i32::MAX)).contains(&uid) => Err(format!(
            "container has runAsNonRoot and image has an invalid user id ({uid}). (Must be 1-({max})): must be \
             between 0 and {max}, inclusive {place}",
            max = i32::MAX
        )),
        (None, Some(_)) => Ok(()),
    }
}

/// The pod's network, IPC and process namespaces.
pub fn namespaces(spec: &PodSpec) -> (Namespace, Namespace, Namespace) {
    let node_if = |host: Option<bool>| if host == Some(true) { Namespace::Node } else { Namespace::Pod };
    let pid = match (spec.host_pid, spec.share_process_namespace) {
        (Some(true), _) => Namespace::Node,
        (_, Some(true)) => Namespace::Pod,
        _ => Namespace::Container,
    };
    (node_if(spec.host_network), node_if(spec.host_ipc), pid)
}

/// `fsGroup` and `supplementalGroups`.
pub fn groups(pod: &PodSecurityContext) -> Vec<i64> {
    pod.fs_group.into_iter().chain(pod.supplemental_groups.iter().flatten().copied()).collect()
}

fn seccomp(settings: &NodeSettings, profile: Option<&SeccompProfile>) -> Result<Seccomp, String> {
    let Some(profile) = profile else { return Ok(Seccomp::Unconfined) };
    match (profile.type_.as_str(), profile.localhost_profile.as_deref().filter(|name| !name.is_empty())) {
        ("RuntimeDefault", _) => Ok(Seccomp::RuntimeDefault),
        ("Localhost", Some(name)) => Ok(Seccomp::Localhost(format!("{}/{name}", settings.seccomp_dir))),
        ("Localhost", None) => {
            Err("localhostProfile must be set if seccompProfile type is Localhost.".to_owned())
        }
        _ => Ok(Seccomp::Unconfined),
    }
}

fn apparmor(own: &SecurityContext, shared: &PodSecurityContext) -> Result<Option<AppArmor>, String> {
    let profile: Option<&AppArmorProfile> =
        own.app_armor_profile.as_ref().or(shared.app_armor_profile.as_ref());
    let Some(profile) = profile else { return Ok(None) };
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("RuntimeDefault", _) => Ok(Some(AppArmor::RuntimeDefault)),
        ("Unconfined", _) => Ok(Some(AppArmor::Unconfined)),
        ("Localhost", Some(name)) => Ok(Some(AppArmor::Localhost(name.clone()))),
        ("Localhost", None) => Err("missing localhost apparmor profile name".to_owned()),
        (other, _) => Err(format!("unknown apparmor profile type: {}", goprint::quote(other))),
    }
}

/// The label as the runtime takes it.
pub fn selinux(options: &SELinuxOptions) -> SeLinux {
    SeLinux {
        user: options.user.clone().unwrap_or_default(),
        role: options.role.clone().unwrap_or_default(),
        kind: options.type_.clone().unwrap_or_default(),
        level: options.level.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use serde_json::{Value, json};

    fn security(pod: Value, own: Value, image: ImageFact) -> Result<ContainerSecurity, String> {
        let mut spec = pod;
        spec["containers"] = json!([{"name": "a", "securityContext": own}]);
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u"}, "spec": spec,
        }))
        .unwrap();
        of_container(&settings(), &pod, &spec::of(&pod).containers[0], &image, None)
    }

    fn image(uid: Option<i64>, username: &str) -> ImageFact {
        ImageFact { uid, username: username.to_owned(), ..Default::default() }
    }

    #[test]
    fn the_containers_word_comes_before_the_pods_and_the_images() {
        let check = |pod: Value, own: Value, image: ImageFact, expected: (Option<i64>, &str)| {
            let found = security(json!({"securityContext": pod}), own.clone(), image).unwrap();
            assert_eq!((found.run_as_user, found.run_as_username.as_str()), expected, "{own}");
        };
        check(json!({}), json!({}), image(None, ""), (Some(0), ""));
        check(json!({}), json!({}), image(Some(5), ""), (Some(5), ""));
        check(json!({}), json!({}), image(None, "nobody"), (None, "nobody"));
        check(json!({"runAsUser": 7}), json!({}), image(None, "nobody"), (Some(7), ""));
        check(json!({"runAsUser": 7}), json!({"runAsUser": 8}), image(Some(5), ""), (Some(8), ""));
    }

    #[test]
    fn root_is_refused_where_it_must_not_run() {
        let check = |own: Value, image: ImageFact, expected: Option<&str>| {
            let pod = json!({"securityContext": {"runAsNonRoot": true}});
            let expected = expected.map(|why| format!("{why} (pod: \"web_ns(u)\", container: a)"));
            assert_eq!(security(pod, own.clone(), image).err(), expected, "{own}");
        };
        check(json!({"runAsUser": 1}), image(Some(0), ""), None);
        check(json!({"runAsNonRoot": false}), image(Some(0), ""), None);
        check(json!({}), image(Some(1000), ""), None);
        check(
            json!({"runAsUser": 0}),
            image(Some(1), ""),
            Some("container's runAsUser breaks non-root policy"),
        );
        check(json!({}), image(Some(0), ""), Some("container has runAsNonRoot and image will run as root"));
        check(json!({}), image(None, ""), Some("container has runAsNonRoot and image will run as root"));
        check(
            json!({}),
            image(None, "nobody"),
            Some(
                "container has runAsNonRoot and image has non-numeric user (nobody), cannot verify user is non-root",
            ),
        );
    }

    #[test]
    fn profiles_groups_and_namespaces_follow_the_spec() {
        let pod = json!({
            "hostNetwork": true, "shareProcessNamespace": true,
            "securityContext": {"fsGroup": 1, "supplementalGroups": [2, 3],
                                "seccompProfile": {"type": "RuntimeDefault"}},
        });
        let own = json!({
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "procMount": "Unmasked",
            "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"},
        });
        let found = security(pod, own, image(None, "")).unwrap();
        assert_eq!(found.supplemental_groups, [1, 2, 3]);
        assert_eq!(found.seccomp, Seccomp::RuntimeDefault);
        assert_eq!(found.apparmor, Some(AppArmor::Localhost("p".into())));
        assert_eq!((found.network, found.ipc, found.pid), (Namespace::Node, Namespace::Pod, Namespace::Pod));
        assert!(found.no_new_privs && found.read_only_root && found.masked_paths.is_empty());
        assert_eq!(
            (found.add_capabilities, found.drop_capabilities),
            (vec!["NET_ADMIN".into()], vec!["ALL".into()])
        );

        let local = json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "x.json"}});
        let found = security(json!({}), local, image(None, "")).unwrap();
        assert_eq!(found.seccomp, Seccomp::Localhost("/var/lib/kubelet/seccomp/x.json".into()));
        assert_eq!(found.pid, Namespace::Container);
        assert_eq!(found.readonly_paths.len(), 5);
    }
}
