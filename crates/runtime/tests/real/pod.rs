//! One pod with one container, over raw CRI calls.

use std::path::PathBuf;

use ironclad_cri::Cri;
use ironclad_cri::v1::{
    ContainerConfig, ContainerMetadata, ImageSpec, LinuxPodSandboxConfig, LinuxSandboxSecurityContext,
    NamespaceMode, NamespaceOption, PodSandboxConfig, PodSandboxMetadata,
};

use crate::machine::Machine;

pub const BUSYBOX: &str = "ironclad.local/busybox:1.36";

pub struct Pod {
    pub sandbox: String,
    pub container: String,
    log_directory: PathBuf,
}

impl Pod {
    /// Runs a pod whose containers share a PID namespace with the sandbox.
    pub async fn run(machine: &Machine, cri: &dyn Cri, name: &str) -> Self {
        let log_directory = machine.path("logs").join(name);
        std::fs::create_dir_all(&log_directory).unwrap();
        let config = sandbox_config(machine, name, log_directory.display().to_string());
        let sandbox = cri.run_pod_sandbox(config.clone(), "").await.unwrap();
        let container = cri.create_container(&sandbox, container_config(), config).await.unwrap();
        cri.start_container(&container).await.unwrap();
        Self { sandbox, container, log_directory }
    }

    pub async fn remove(self, cri: &dyn Cri) {
        cri.stop_container(&self.container, 1).await.unwrap();
        cri.remove_container(&self.container).await.unwrap();
        cri.stop_pod_sandbox(&self.sandbox).await.unwrap();
        cri.remove_pod_sandbox(&self.sandbox).await.unwrap();
        assert!(self.log().exists(), "the log outlives the container");
    }

    pub fn log(&self) -> PathBuf {
        self.log_directory.join("main/0.log")
    }

    pub async fn started_at(&self, cri: &dyn Cri) -> i64 {
        cri.container_status(&self.container, false).await.unwrap().status.unwrap().started_at
    }
}

fn sandbox_config(machine: &Machine, name: &str, log_directory: String) -> PodSandboxConfig {
    let namespaces = NamespaceOption { pid: NamespaceMode::Pod.into(), ..NamespaceOption::default() };
    let security = LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces),
        ..LinuxSandboxSecurityContext::default()
    };
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            namespace: "default".into(),
            attempt: 0,
        }),
        hostname: name.to_owned(),
        log_directory,
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: format!("/{}", machine.name),
            security_context: Some(security),
            ..LinuxPodSandboxConfig::default()
        }),
        ..PodSandboxConfig::default()
    }
}

fn container_config() -> ContainerConfig {
    let script = "trap 'exit 0' TERM; echo started; while :; do sleep 1 & wait; done";
    ContainerConfig {
        metadata: Some(ContainerMetadata { name: "main".into(), attempt: 0 }),
        image: Some(ImageSpec { image: BUSYBOX.into(), ..ImageSpec::default() }),
        command: ["sh", "-c", script].map(str::to_owned).into(),
        log_path: "main/0.log".into(),
        linux: Some(Default::default()),
        ..ContainerConfig::default()
    }
}
