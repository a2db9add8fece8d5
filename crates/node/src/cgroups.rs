//! The cgroups that hold pods: made, written, removed. Version 1 (and hybrid) and version 2, as files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ironclad_node_core::cgroup::{CgroupConfig, CgroupVersion};
use rustix::process::{Pid, Signal, kill_process};

/// Version 1 hierarchies in which pods get a cgroup of ours: those with limits, and those that count.
const MADE_IN: [&str; 4] = ["cpu", "cpuacct", "memory", "pids"];
/// Version 2 controllers that pods may use.
const CONTROLLERS: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
/// How often the removal of a cgroup whose processes were just killed is tried again.
const REMOVAL_TRIES: u32 = 50;
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// The hierarchies of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    version: CgroupVersion,
    hierarchies: Vec<Hierarchy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    mount: PathBuf,
    /// Version 1: its controllers. Version 2: none.
    controllers: Vec<String>,
}

impl Cgroups {
    /// Looks at what is mounted.
    pub(crate) fn detect() -> Self {
        Self::of_mounts(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
    }

    fn of_mounts(mountinfo: &str) -> Self {
        let hierarchies: Vec<Hierarchy> = mountinfo.lines().filter_map(hierarchy).collect();
        let v1 = hierarchies.iter().any(|h| h.controllers.iter().any(|c| c == "memory"));
        let version = if v1 { CgroupVersion::V1 } else { CgroupVersion::V2 };
        Self { version, hierarchies }
    }

    pub(crate) fn version(&self) -> CgroupVersion {
        self.version
    }

    /// Whether the kernel counts swap for each cgroup.
    pub(crate) fn counts_swap(&self) -> bool {
        match self.version {
            CgroupVersion::V1 => {
                let memory = self.figures("memory", "/");
                memory.is_some_and(|folder| folder.join("memory.memsw.limit_in_bytes").exists())
            }
            // The root has no such file; any cgroup below it does.
            CgroupVersion::V2 => {
                let root = self.hierarchies.first().map(|h| folders_in(&h.mount)).unwrap_or_default();
                root.iter().any(|folder| folder.join("memory.swap.max").exists())
            }
        }
    }

    /// Makes a cgroup, with those above it, and writes its values.
    pub(crate) fn apply(&self, config: &CgroupConfig) -> io::Result<()> {
        match self.version {
            CgroupVersion::V1 => self.apply_v1(config),
            CgroupVersion::V2 => self.apply_v2(config),
        }
    }

    fn apply_v1(&self, config: &CgroupConfig) -> io::Result<()> {
        for hierarchy in &self.hierarchies {
            if hierarchy.controllers.iter().any(|c| MADE_IN.contains(&c.as_str())) {
                make(&below(&hierarchy.mount, &config.path))?;
            }
        }
        for (controller, file, value) in config.files_v1() {
            let Some(hierarchy) = self.hierarchies.iter().find(|h| h.has(controller)) else { continue };
            set(&below(&hierarchy.mount, &config.path).join(file), &value)?;
        }
        Ok(())
    }

    fn apply_v2(&self, config: &CgroupConfig) -> io::Result<()> {
        let Some(hierarchy) = self.hierarchies.first() else { return Ok(()) };
        let mut at = hierarchy.mount.clone();
        for part in config.path.split('/').filter(|part| !part.is_empty()) {
            delegate(&at);
            at.push(part);
            make(&at)?;
        }
        delegate(&at);
        for (file, value) in config.files_v2() {
            set(&at.join(file), &value)?;
        }
        Ok(())
    }

    /// Whether there is such a cgroup in any hierarchy.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.hierarchies.iter().any(|hierarchy| below(&hierarchy.mount, path).exists())
    }

    /// Kills what is left in a cgroup and removes it with all below it, in every hierarchy.
    /// No error when there is none. Blocks for up to a second.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        for hierarchy in &self.hierarchies {
            remove_tree(&below(&hierarchy.mount, path))?;
        }
        Ok(())
    }

    /// The names of the pods' cgroups (`podUID`) that exist below `root`, whatever their class.
    pub(crate) fn pods(&self, root: &str) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for hierarchy in &self.hierarchies {
            for class in ["", "/burstable", "/besteffort"] {
                let parent = format!("{root}{class}");
                let entries =
                    std::fs::read_dir(below(&hierarchy.mount, &parent)).into_iter().flatten().flatten();
                let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
                paths.extend(names.filter(|n| n.starts_with("pod")).map(|n| format!("{parent}/{n}")));
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    /// Memory that a cgroup's processes use, without what the kernel could drop at once, bytes.
    pub(crate) fn working_set(&self, path: &str) -> u64 {
        let Some(folder) = self.figures("memory", path) else { return 0 };
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let (usage, inactive) = match self.version {
            CgroupVersion::V1 => ("memory.usage_in_bytes", "total_inactive_file"),
            CgroupVersion::V2 => ("memory.current", "inactive_file"),
        };
        let used: u64 = read(usage).trim().parse().unwrap_or(0);
        used.saturating_sub(field(&read("memory.stat"), inactive))
    }

    /// The folder in which a controller's figures of a cgroup are.
    pub(crate) fn figures(&self, controller: &str, path: &str) -> Option<PathBuf> {
        let hierarchy = match self.version {
            CgroupVersion::V1 => self.hierarchies.iter().find(|h| h.has(controller))?,
            CgroupVersion::V2 => self.hierarchies.first()?,
        };
        Some(below(&hierarchy.mount, path))
    }
}

impl Hierarchy {
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
    }
}

/// A line of mountinfo, if it is a hierarchy mounted whole (proc(5)).
fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (mount, rest) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, at) = (mount.next()?, mount.next()?);
    let mut rest = rest.split(' ');
    let (kind, options) = (rest.next()?, rest.nth(1)?);
    if root != "/" {
        return None;
    }
    let controllers = match kind {
        "cgroup2" => Vec::new(),
        "cgroup" => options.split(',').filter(|o| *o != "rw" && *o != "ro").map(str::to_owned).collect(),
        _ => return None,
    };
    Some(Hierarchy { mount: PathBuf::from(at), controllers })
}

/// A line `name value` of a statistics file.
pub(crate) fn field(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

fn make(folder: &Path) -> io::Result<()> {
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)
}

fn set(file: &Path, value: &str) -> io::Result<()> {
    // A kernel may be built without a controller's limits; the pod then runs without them.
    match std::fs::write(file, value) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", file.display())))
        }
        _ => Ok(()),
    }
}

/// Lets cgroups below this one use the controllers it has. One at a time: what cannot be is not.
fn delegate(folder: &Path) {
    let file = folder.join("cgroup.subtree_control");
    for controller in CONTROLLERS {
        let _ = std::fs::write(&file, format!("+{controller}"));
    }
}

fn remove_tree(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mut tries = 0;
    loop {
        kill_all(folder);
        match remove_folders(folder) {
            Ok(()) => return Ok(()),
            Err(error) if tries >= REMOVAL_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
        std::thread::sleep(REMOVAL_PAUSE);
    }
}

fn remove_folders(folder: &Path) -> io::Result<()> {
    for inner in folders_in(folder) {
        remove_folders(&inner)?;
    }
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}

fn kill_all(folder: &Path) {
    for inner in folders_in(folder) {
        kill_all(&inner);
    }
    let processes = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_among_the_mounts() {
        let hybrid = "24 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
            25 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            26 24 0:24 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
            27 24 0:25 /docker/x /inner rw - cgroup cgroup rw,pids\n\
            28 24 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let found = Cgroups::of_mounts(hybrid);
        assert_eq!(found.version(), CgroupVersion::V1);
        let mounts: Vec<_> = found.hierarchies.iter().map(|h| h.mount.display().to_string()).collect();
        assert_eq!(mounts, ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"]);
        let at = found.figures("cpuacct", "/kubepods/x").expect("it is mounted");
        assert_eq!(at, Path::new("/sys/fs/cgroup/cpu,cpuacct/kubepods/x"));
        let unified = Cgroups::of_mounts("30 1 0:26 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n");
        assert_eq!(unified.version(), CgroupVersion::V2);
    }
}
