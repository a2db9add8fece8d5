//! What happens in the cluster, as far as it may let a waiting pod fit.

use crate::node_info::NodeInfo;
use crate::pod_info::PodInfo;

pub enum Event<'a> {
    NodeAdded(&'a NodeInfo),
    NodeChanged {
        old: &'a NodeInfo,
        new: &'a NodeInfo,
    },
    /// A domain may be gone, so that others are the least filled now.
    NodeRemoved,
    /// A pod is on a node now.
    PodPlaced(&'a PodInfo),
    PodChanged {
        old: &'a PodInfo,
        new: &'a PodInfo,
        node: Option<&'a NodeInfo>,
    },
    /// A pod that was on a node, or had one nominated, is gone from it.
    PodGone {
        pod: &'a PodInfo,
        node: Option<&'a NodeInfo>,
    },
    /// A namespace came or its labels changed.
    NamespaceChanged,
}

impl Event<'_> {
    /// For what depends only on one node and the pod: whether a node will do now that would not before.
    pub fn opens_node(&self, fits: impl Fn(&NodeInfo) -> bool) -> bool {
        match self {
            Self::NodeAdded(node) => fits(node),
            Self::NodeChanged { old, new } => fits(new) && !fits(old),
            _ => false,
        }
    }

    /// Whether a node came, or one's labels changed.
    pub fn is_topology(&self) -> bool {
        match self {
            Self::NodeAdded(_) | Self::NodeRemoved => true,
            Self::NodeChanged { old, new } => old.labels() != new.labels() || old.taints() != new.taints(),
            _ => false,
        }
    }

    /// Whether a pod for which `matters` holds came, went or changed its labels or its deletion.
    pub fn is_pod(&self, matters: impl Fn(&PodInfo) -> bool) -> bool {
        match self {
            Self::PodPlaced(pod) | Self::PodGone { pod, .. } => matters(pod),
            Self::PodChanged { old, new, .. } => {
                let changed = old.labels() != new.labels() || old.is_deleting() != new.is_deleting();
                changed && (matters(old) || matters(new))
            }
            _ => false,
        }
    }
}
