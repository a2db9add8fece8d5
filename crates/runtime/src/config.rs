//! containerd's configuration file, as a pure function of what the machine can do.
//!
//! Version 2 of the format is for containerd 1.x, version 3 for 2.x (containerd, `docs/cri/config.md`).
//! Only what differs from the default of *some* supported version is written.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::{Layout, Version};

/// What the configuration depends on.
#[derive(Debug, Clone)]
pub struct ConfigFacts {
    pub version: Version,
    pub layout: Layout,
    /// The image of pod sandboxes. It is pinned, and imported before the first pod, never pulled.
    pub sandbox_image: String,
    pub snapshotter: Snapshotter,
    pub runc: PathBuf,
    pub cni_bin_dir: PathBuf,
    pub cni_conf_dir: PathBuf,
    /// Whether containerd will be able to lower an OOM score (CAP_SYS_RESOURCE).
    pub may_lower_oom_score: bool,
}

/// How container root file systems are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshotter {
    /// Layers mounted over each other by the kernel.
    Overlayfs,
    /// Layers copied. Slow and large, and works on every file system.
    Native,
}

impl Snapshotter {
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlayfs => "overlayfs",
            Self::Native => "native",
        }
    }

    /// The one that a configuration of ours uses. What is unpacked by one cannot be used by the other, so
    /// a choice once made stays.
    pub(crate) fn of_config(config: &str) -> Option<Self> {
        let line = config.lines().find_map(|line| line.trim().strip_prefix("snapshotter = "))?;
        [Self::Overlayfs, Self::Native].into_iter().find(|snapshotter| line == quoted(snapshotter.name()))
    }
}

/// The text of config.toml.
pub fn render(facts: &ConfigFacts) -> String {
    let mut toml = Toml::default();
    toml.comment("Written by ironclad at every start of this containerd; changes are lost.");
    toml.number("version", if is_2(facts) { 3 } else { 2 });
    server(&mut toml, facts);
    if is_2(facts) {
        cri_of_2(&mut toml, facts);
    } else {
        cri_of_1(&mut toml, facts);
    }
    toml.text
}

fn is_2(facts: &ConfigFacts) -> bool {
    facts.version.major >= 2
}

/// The daemon itself: both formats agree on these.
fn server(toml: &mut Toml, facts: &ConfigFacts) {
    let layout = &facts.layout;
    toml.path("root", &layout.root());
    toml.path("state", &layout.state());
    // As upstream's service file does, where that is allowed: under memory pressure the pods go first.
    toml.number("oom_score", if facts.may_lower_oom_score { -999 } else { 0 });
    // Plugins that make folders outside of root, or probe file systems that are not used here.
    toml.list(
        "disabled_plugins",
        &[
            "io.containerd.internal.v1.opt",
            "io.containerd.snapshotter.v1.aufs",
            "io.containerd.snapshotter.v1.blockfile",
            "io.containerd.snapshotter.v1.btrfs",
            "io.containerd.snapshotter.v1.devmapper",
            "io.containerd.snapshotter.v1.erofs",
            "io.containerd.snapshotter.v1.zfs",
            // Node resource plugins: a socket and folders of their own, and not part of CRI.
            "io.containerd.nri.v1.nri",
        ],
    );
    toml.table("grpc");
    toml.path("address", &layout.socket());
    toml.table("debug");
    toml.string("level", "info");
}

/// containerd 1.x: one plugin does everything.
fn cri_of_1(toml: &mut Toml, facts: &ConfigFacts) {
    const CRI: &str = "io.containerd.grpc.v1.cri";
    toml.plugin(CRI, "");
    toml.string("sandbox_image", &facts.sandbox_image);
    streaming(toml);
    isolation(toml, facts);
    toml.plugin(CRI, ".containerd");
    toml.string("snapshotter", facts.snapshotter.name());
    runc(toml, CRI, facts);
    cni(toml, CRI, facts);
}

/// containerd 2.x: images, pods and the streaming server are plugins of their own.
fn cri_of_2(toml: &mut Toml, facts: &ConfigFacts) {
    const IMAGES: &str = "io.containerd.cri.v1.images";
    const RUNTIME: &str = "io.containerd.cri.v1.runtime";
    toml.plugin(IMAGES, "");
    toml.string("snapshotter", facts.snapshotter.name());
    toml.plugin(IMAGES, ".pinned_images");
    toml.string("sandbox", &facts.sandbox_image);
    toml.plugin(RUNTIME, "");
    isolation(toml, facts);
    runc(toml, RUNTIME, facts);
    cni(toml, RUNTIME, facts);
    toml.plugin("io.containerd.grpc.v1.cri", "");
    streaming(toml);
}

/// exec, attach and port-forward: on the loopback interface, where the agent fetches them.
fn streaming(toml: &mut Toml) {
    toml.string("stream_server_address", "127.0.0.1");
    toml.string("stream_server_port", "0");
}

fn isolation(toml: &mut Toml, facts: &ConfigFacts) {
    // Longer lines are split in the log file; this is the default, and the agent's log reader relies on it.
    toml.number("max_container_log_line_size", 16384);
    toml.boolean("restrict_oom_score_adj", !facts.may_lower_oom_score);
    // Defaults of 2.x, so that pods behave alike on 1.x: ports below 1024 and ping without privileges.
    toml.boolean("enable_unprivileged_ports", true);
    toml.boolean("enable_unprivileged_icmp", true);
    // Below our own state folder, so that wiping it leaves nothing in /var/run/netns.
    toml.boolean("netns_mounts_under_state_dir", true);
}

fn runc(toml: &mut Toml, plugin: &str, facts: &ConfigFacts) {
    toml.plugin(plugin, ".containerd.runtimes.runc");
    toml.string("runtime_type", "io.containerd.runc.v2");
    toml.plugin(plugin, ".containerd.runtimes.runc.options");
    toml.path("BinaryName", &facts.runc);
    toml.path("Root", &facts.layout.runc_root());
    toml.boolean("SystemdCgroup", false);
}

fn cni(toml: &mut Toml, plugin: &str, facts: &ConfigFacts) {
    toml.plugin(plugin, ".cni");
    let folder = facts.cni_bin_dir.to_string_lossy();
    // 2.1 warns of the old key.
    if (facts.version.major, facts.version.minor) >= (2, 1) {
        toml.list("bin_dirs", &[&folder]);
    } else {
        toml.string("bin_dir", &folder);
    }
    toml.path("conf_dir", &facts.cni_conf_dir);
}

/// Writes TOML line by line.
#[derive(Default)]
struct Toml {
    text: String,
}

impl Toml {
    fn comment(&mut self, text: &str) {
        self.line(format_args!("# {text}"));
    }

    fn table(&mut self, name: &str) {
        self.line(format_args!("\n[{name}]"));
    }

    /// The table of a plugin, or one below it.
    fn plugin(&mut self, plugin: &str, below: &str) {
        self.line(format_args!("\n[plugins.{}{below}]", quoted(plugin)));
    }

    fn string(&mut self, key: &str, value: &str) {
        self.line(format_args!("{key} = {}", quoted(value)));
    }

    fn path(&mut self, key: &str, value: &Path) {
        self.string(key, &value.to_string_lossy());
    }

    fn number(&mut self, key: &str, value: i64) {
        self.line(format_args!("{key} = {value}"));
    }

    fn boolean(&mut self, key: &str, value: bool) {
        self.line(format_args!("{key} = {value}"));
    }

    fn list(&mut self, key: &str, values: &[&str]) {
        self.line(format_args!("{key} = ["));
        for value in values {
            self.line(format_args!("  {},", quoted(value)));
        }
        self.line(format_args!("]"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str) -> ConfigFacts {
        ConfigFacts {
            version: Version::parse(&format!("containerd x {version}")).unwrap(),
            layout: Layout::new("/var/lib/ironclad/containerd", "/run/ironclad/containerd"),
            sandbox_image: "ironclad.local/pause:1".into(),
            snapshotter: Snapshotter::Overlayfs,
            runc: "/usr/sbin/runc".into(),
            cni_bin_dir: "/usr/lib/cni".into(),
            cni_conf_dir: "/var/lib/ironclad/cni".into(),
            may_lower_oom_score: true,
        }
    }

    #[test]
    fn each_generation_gets_its_own_format() {
        insta::assert_snapshot!("containerd-1", render(&facts("1.6.20")));
        insta::assert_snapshot!("containerd-2", render(&facts("2.1.0")));
        assert_eq!(render(&facts("1.7.24")), render(&facts("1.6.20")));
    }

    #[test]
    fn one_fact_changes_one_line() {
        let check = |change: fn(&mut ConfigFacts), lines: &[&str]| {
            for version in ["1.6.20", "2.0.0"] {
                let mut facts = facts(version);
                let before = render(&facts);
                change(&mut facts);
                let after = render(&facts);
                let new: Vec<_> =
                    after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
                assert_eq!(new, lines, "{version}");
            }
        };
        check(|facts| facts.may_lower_oom_score = false, &["oom_score = 0", "restrict_oom_score_adj = true"]);
        check(|facts| facts.snapshotter = Snapshotter::Native, &[r#"snapshotter = "native""#]);
        check(|facts| facts.cni_bin_dir = "/opt/cni/bin".into(), &[r#"bin_dir = "/opt/cni/bin""#]);
        check(|facts| facts.cni_conf_dir = "/a \"b\"\\c".into(), &[r#"conf_dir = "/a \"b\"\\c""#]);
    }

    #[test]
    fn the_snapshotter_is_read_back() {
        for snapshotter in [Snapshotter::Overlayfs, Snapshotter::Native] {
            for version in ["1.6.20", "2.0.0"] {
                let config = render(&ConfigFacts { snapshotter, ..facts(version) });
                assert_eq!(Snapshotter::of_config(&config), Some(snapshotter));
            }
        }
        assert_eq!(Snapshotter::of_config(""), None);
        assert_eq!(Snapshotter::of_config("snapshotter = \"zfs\""), None);
    }
}
