//! Taking a cluster away from a machine: what there is of it, and the steps that end it.
//!
//! [`look`] gathers the facts, [`plan`] turns them into [`Step`]s that can be printed. Whoever owns a thing carries
//! its step out: the node agent's crate those of the node, [`remove_folder`] those of folders.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ironclad_nft::Netfilter;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Of the whole cluster, to be removed at the end.
    pub folders: Vec<PathBuf>,
    /// Of the node, which removes them itself.
    pub node_folders: Vec<PathBuf>,
    pub links: Vec<String>,
    /// The name of the nf_tables tables.
    pub table: String,
    /// `/kubepods`
    pub cgroup: String,
    /// The containerd of our own, data and run-time folder.
    pub containerd: [PathBuf; 2],
    /// Where kernel settings from before are kept.
    pub settings: PathBuf,
    /// Further nodes of this machine.
    pub nodes: Vec<String>,
}

/// What there is of a cluster on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The process of Ironclad.
    pub running: Option<i32>,
    pub nodes: Vec<String>,
    pub containerd: Option<PathBuf>,
    pub links: Vec<String>,
    pub table: Option<String>,
    pub cgroup: Option<String>,
    pub settings: bool,
    pub node_folders: Vec<PathBuf>,
    pub folders: Vec<PathBuf>,
}

/// One step, in words that a plan is printed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    EndIronclad { pid: i32 },
    RemoveNode { name: String },
    EndPods { containerd: PathBuf },
    RemoveTables { name: String },
    RemoveLink { name: String },
    RestoreSettings,
    RemoveCgroup { path: String },
    RemoveNodeFolder { path: PathBuf },
    RemoveFolder { path: PathBuf },
}

/// Looks for what is there. Changes nothing.
pub fn look(traces: &Traces, running: Option<i32>) -> Facts {
    let existing = |folders: &[PathBuf]| folders.iter().filter(|folder| is_there(folder)).cloned().collect();
    let [data, _] = &traces.containerd;
    Facts {
        running,
        nodes: traces.nodes.clone(),
        containerd: traces.containerd.iter().any(|folder| folder.exists()).then(|| data.clone()),
        links: traces
            .links
            .iter()
            .filter(|link| Path::new("/sys/class/net").join(link).exists())
            .cloned()
            .collect(),
        table: has_tables(&traces.table).then(|| traces.table.clone()),
        cgroup: has_cgroup(&traces.cgroup).then(|| traces.cgroup.clone()),
        settings: traces.settings.exists(),
        node_folders: existing(&traces.node_folders),
        folders: existing(&traces.folders),
    }
}

/// A folder that something can be removed of: one that is mounted there and empty stays.
fn is_there(folder: &Path) -> bool {
    folder.exists() && !(is_mount_point(folder) && is_empty(folder))
}

fn has_tables(name: &str) -> bool {
    let listed = Netfilter::open().and_then(|mut kernel| kernel.list(name));
    listed.is_ok_and(|inventory| !inventory.0.is_empty())
}

fn has_cgroup(path: &str) -> bool {
    let root = Path::new("/sys/fs/cgroup");
    let relative = path.trim_start_matches('/');
    let hierarchies = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    hierarchies.chain([root.to_owned()]).any(|hierarchy| hierarchy.join(relative).is_dir())
}

/// The steps, in their order. None: there is nothing of a cluster here.
pub fn plan(facts: &Facts) -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(facts.running.map(|pid| Step::EndIronclad { pid }));
    steps.extend(facts.nodes.iter().cloned().map(|name| Step::RemoveNode { name }));
    steps.extend(facts.containerd.clone().map(|containerd| Step::EndPods { containerd }));
    steps.extend(facts.table.clone().map(|name| Step::RemoveTables { name }));
    steps.extend(facts.links.iter().cloned().map(|name| Step::RemoveLink { name }));
    steps.extend(facts.settings.then_some(Step::RestoreSettings));
    steps.extend(facts.cgroup.clone().map(|path| Step::RemoveCgroup { path }));
    steps.extend(facts.node_folders.iter().cloned().map(|path| Step::RemoveNodeFolder { path }));
    steps.extend(facts.folders.iter().cloned().map(|path| Step::RemoveFolder { path }));
    steps
}

impl Step {
    /// Whether the node agent's own reset carries it out.
    pub fn is_the_nodes(&self) -> bool {
        !matches!(self, Self::EndIronclad { .. } | Self::RemoveNode { .. } | Self::RemoveFolder { .. })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndIronclad { pid } => write!(f, "end Ironclad (process {pid})"),
            Self::RemoveNode { name } => {
                write!(f, "take the further node {name} away: its pods, its network, its data")
            }
            Self::EndPods { containerd } => {
                write!(f, "end all pods and the containerd of {}", containerd.display())
            }
            Self::RemoveTables { name } => write!(f, "remove the nf_tables tables {name}"),
            Self::RemoveLink { name } => write!(f, "remove the interface {name}"),
            Self::RestoreSettings => f.write_str("put the kernel settings back that were changed"),
            Self::RemoveCgroup { path } => write!(f, "remove the cgroup {path}"),
            Self::RemoveNodeFolder { path } => {
                write!(f, "unmount what is below {} and remove it", path.display())
            }
            Self::RemoveFolder { path } => write!(f, "remove {}", path.display()),
        }
    }
}

/// Removes a folder with all that is in it. A folder that something is mounted at is emptied.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) if is_mount_point(folder) && is_empty(folder) => Ok(()),
        result => result,
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether it is on another file system than the folder above it, or on another part of the same.
fn is_mount_point(folder: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|at| Path::new(at) == folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_in_the_plan() {
        assert_eq!(plan(&Facts::default()), []);
    }

    #[test]
    fn what_uses_a_thing_goes_before_it() {
        let facts = Facts {
            running: Some(7),
            nodes: vec!["host-2".into()],
            containerd: Some("/d/containerd".into()),
            links: vec!["ironclad0".into()],
            table: Some("ironclad".into()),
            cgroup: Some("/kubepods".into()),
            settings: true,
            node_folders: vec!["/var/lib/kubelet".into()],
            folders: vec!["/d".into()],
        };
        let lines: Vec<String> = plan(&facts).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "end Ironclad (process 7)",
                "take the further node host-2 away: its pods, its network, its data",
                "end all pods and the containerd of /d/containerd",
                "remove the nf_tables tables ironclad",
                "remove the interface ironclad0",
                "put the kernel settings back that were changed",
                "remove the cgroup /kubepods",
                "unmount what is below /var/lib/kubelet and remove it",
                "remove /d",
            ]
        );
    }

    #[test]
    fn a_folder_is_removed_once_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("a/b");
        std::fs::create_dir_all(&inside).expect("made");
        let top = folder.path().join("a");
        assert!(remove_folder(&top).is_ok() && !top.exists());
        assert!(remove_folder(&top).is_ok(), "nothing to do is no failure");
    }
}
