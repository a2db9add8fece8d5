//! The config of a container, from the pod, what its sources resolved to, and the node.

pub mod dns;
pub mod expand;
pub mod resources;
pub mod security;

use std::collections::BTreeMap;

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
    pub env: Vec<(String, String)>,
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
    /// A file that the shell makes, empty and mode 0666, before it creates the container; one of `mounts`.
    pub termination_log: Option<String>,
}

/// A bind mount, or an image mounted as a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    pub container_path: String,
    /// Empty for an image.
    pub host_path: String,
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
