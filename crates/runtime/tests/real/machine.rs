//! The machine under test: temporary folders, a network of its own, and what was there before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ironclad_images::{Architecture, busybox, write_archive};
use ironclad_runtime::{Containerd, Host, Layout, Settings};

use crate::pod::BUSYBOX;

pub const SANDBOX_IMAGE: &str = "ironclad.local/pause:1";

pub struct Machine {
    folder: tempfile::TempDir,
    /// Bridge, CNI network and cgroup: short enough for an interface, different for every run.
    pub name: String,
    busybox: ironclad_images::Image,
}

impl Machine {
    /// Or why the test cannot run here.
    pub fn new() -> Result<Arc<Self>, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root".into());
        }
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(Host::look(None)).map_err(|error| error.to_string())?;
        let architecture = Architecture::host().ok_or("unknown processor")?;
        let busybox =
            busybox::image(Path::new("/bin/busybox"), architecture).map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let machine = Self { folder, name: format!("icrt{}", std::process::id()), busybox };
        machine.write_network();
        Ok(Arc::new(machine))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn containerd(&self) -> Containerd {
        containerd_in(self.folder.path())
    }

    pub fn busybox_archive(&self) -> PathBuf {
        let mut archive = Vec::new();
        write_archive(&[(BUSYBOX, &self.busybox)], &mut archive).unwrap();
        self.file("busybox.tar", &archive)
    }

    fn write_network(&self) {
        let name = &self.name;
        let third = std::process::id() % 250;
        // No gateway: the bridge plugin would switch the whole machine's IP forwarding on.
        let config = format!(
            r#"{{"cniVersion":"1.0.0","name":"{name}","plugins":[{{"type":"bridge","bridge":"{name}",
            "ipam":{{"type":"host-local","subnet":"10.253.{third}.0/24"}}}}]}}"#
        );
        std::fs::create_dir(self.path("cni")).unwrap();
        self.file("cni/10-test.conflist", config.as_bytes());
    }

    /// What belongs to the test and not to containerd: the bridge, its addresses, the pods' cgroup.
    pub fn remove_network(&self) {
        let _ = Command::new("ip").args(["link", "del", &self.name]).status();
        let _ = std::fs::remove_dir_all(Path::new("/var/lib/cni/networks").join(&self.name));
        for folder in ["/var/lib/cni/networks", "/var/lib/cni/results", "/var/lib/cni"] {
            let _ = std::fs::remove_dir(folder);
        }
        for cgroup in cgroups(&self.name) {
            let _ = std::fs::remove_dir(cgroup);
        }
    }

    /// Everything on the machine that has this test's name or folder in it, and what containerd makes
    /// outside of its own folders whatever the configuration, unless another containerd may have made it.
    pub fn traces(&self) -> BTreeSet<String> {
        let folder = self.folder.path().display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounts = mounts.lines().filter(|line| line.contains(&folder)).map(str::to_owned);
        let mut traces: BTreeSet<_> = mounts.chain(processes(&folder)).collect();
        let mut paths = cgroups(&self.name);
        for folder in ["/sys/class/net", "/var/lib/cni/networks", "/var/lib/cni/results"] {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let named = |path: &PathBuf| path.to_string_lossy().contains(&self.name);
            paths.extend(entries.map(|entry| entry.path()).filter(named));
        }
        if processes("containerd").is_empty() {
            let shared = ["/run/containerd", "/run/nri", "/opt/containerd", "/var/lib/containerd"];
            paths.extend(shared.map(PathBuf::from).into_iter().filter(|path| path.exists()));
        }
        traces.extend(paths.iter().map(|path| path.display().to_string()));
        traces
    }
}

/// The containerd whose files are all in `folder`.
pub fn containerd_in(folder: &Path) -> Containerd {
    Containerd::new(Settings {
        layout: Layout::new(folder.join("data"), folder.join("run")),
        sandbox_image: SANDBOX_IMAGE.into(),
        cni_conf_dir: folder.join("cni"),
        cni_bin_dir: None,
    })
}

/// The command lines that mention `text`.
fn processes(text: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

/// The cgroups called `name`, below every controller there is.
fn cgroups(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let controllers =
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path().join(name));
    std::iter::once(root.join(name)).chain(controllers).filter(|path| path.exists()).collect()
}

pub fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Waits for `condition`, at most 30 seconds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}
