//! Looking at what the node is short of, and ending pods before the kernel or a full disk does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ironclad_node_core::eviction::rank::Usage;
use ironclad_node_core::eviction::signal::{self, Observation, Signal};
use ironclad_node_core::eviction::{Candidate, Evictions, limits};
use ironclad_node_core::pod::State;
use ironclad_node_core::spec;

use super::Parts;
use super::images::ImageKeeper;
use super::usage;
use crate::machine::{Disk, Memory};
use crate::pods::Page;

/// As often as upstream looks.
const EVERY: Duration = Duration::from_secs(10);

/// Looks for ever.
pub(super) async fn run(parts: Parts, mut images: ImageKeeper, storage: PathBuf) {
    let mut evictions = Evictions::new(signal::defaults());
    loop {
        let pages: Vec<Arc<Page>> =
            parts.book.pages().into_iter().filter(|page| page.state == State::Active).collect();
        let used = usages(&parts, &pages).await;
        for (page, usage) in pages.iter().zip(&used) {
            if let Some(eviction) = limits::exceeded(&page.pod, usage)
                && let Some(inbox) = parts.manager.inbox(page.uid())
            {
                inbox.evict(eviction);
            }
        }
        let image_disk = images.disk().await;
        let observations = observations(&storage, image_disk.as_deref());
        let candidates: Vec<Candidate<'_>> = pages
            .iter()
            .zip(&used)
            .map(|(page, usage)| Candidate { pod: &page.pod, usage: Some(usage) })
            .collect();
        let decision = evictions.observe(parts.env.elapsed(), parts.env.now(), &observations, &candidates);
        parts.manager.set_pressure(decision.pressure);
        parts.pressure.send_if_modified(|old| std::mem::replace(old, decision.pressure) != decision.pressure);
        if decision.reclaim_disk {
            images.reclaim_all().await;
        }
        if let Some((uid, eviction)) = decision.evict
            && let Some(inbox) = parts.manager.inbox(&uid)
        {
            tracing::warn!(uid, message = eviction.message, "a pod is evicted");
            inbox.evict(eviction);
        }
        images.look().await;
        parts.env.sleep(EVERY).await;
    }
}

/// Disks are only walked through for pods that have limits on them.
async fn usages(parts: &Parts, pages: &[Arc<Page>]) -> Vec<Usage> {
    let layers = match pages.iter().any(|page| usage::has_disk_limits(&spec::of(&page.pod))) {
        true => usage::writable_layers(&*parts.hands.cri).await,
        false => BTreeMap::new(),
    };
    let (settings, cgroups, pages) = (parts.settings.clone(), parts.cgroups.clone(), pages.to_vec());
    let measured = tokio::task::spawn_blocking(move || {
        pages.iter().map(|page| usage::of_pod(&settings, &cgroups, page, &layers)).collect()
    });
    measured.await.unwrap_or_default()
}

/// `image_disk` is a path on the disk of images, if that is known.
fn observations(storage: &Path, image_disk: Option<&Path>) -> BTreeMap<Signal, Observation> {
    let memory = Memory::read();
    let mut found = BTreeMap::from([(
        Signal::MemoryAvailable,
        Observation { available: memory.available_bytes, capacity: memory.total_bytes },
    )]);
    let node = Disk::of(storage);
    let mut add = |disk: &Disk, bytes: Signal, inodes: Signal| {
        if disk.usable_bytes() > 0 {
            let observation = Observation { available: disk.available_bytes, capacity: disk.usable_bytes() };
            found.insert(bytes, observation);
        }
        // Some file systems make inodes as they need them and say that they have none.
        if disk.inodes > 0 {
            found.insert(inodes, Observation { available: disk.inodes_free, capacity: disk.inodes });
        }
    };
    add(&node, Signal::NodeFsAvailable, Signal::NodeFsInodesFree);
    // On one and the same disk the thresholds of the node's disk are the ones that count.
    if let Some(path) = image_disk.filter(|path| !on_one_disk(path, storage)) {
        add(&Disk::of(path), Signal::ImageFsAvailable, Signal::ImageFsInodesFree);
    }
    found
}

fn on_one_disk(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    device(a) == device(b)
}
