//! Telling workers what the runtime has, when it is not what they know.

use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_node_core::PodFacts;

use crate::runtime::PodOnNode;

/// Between two lists, while nothing says that there is something new.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// Between two lists, while the runtime tells when something has ended: then a list only finds what was missed.
pub(super) const WHEN_TOLD: Duration = Duration::from_secs(5);
/// After a list that failed.
pub(super) const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What the runtime had, and when the list was begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub taken: Duration,
    pub pods: BTreeMap<String, PodOnNode>,
}

/// Whether two accounts of a pod say the same, in whatever order.
pub(super) fn same(a: &PodFacts, b: &PodFacts) -> bool {
    let sandboxes =
        a.sandboxes.len() == b.sandboxes.len() && a.sandboxes.iter().all(|s| b.sandboxes.contains(s));
    let containers =
        a.containers.len() == b.containers.len() && a.containers.iter().all(|c| b.containers.contains(c));
    sandboxes && containers
}
