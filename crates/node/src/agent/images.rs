//! Removing images that nothing uses, when their disk fills up.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ironclad_cri::Cri;
use ironclad_cri::v1::{Image, ImageSpec};
use ironclad_env::Env;
use ironclad_node_core::gc::image::{ImageGc, ImageOnNode, ImagePolicy};

use crate::machine::Disk;

/// As often as upstream looks.
const EVERY: Duration = Duration::from_secs(300);

/// Remembers which images are used.
pub(super) struct ImageKeeper {
    env: Env,
    cri: Arc<dyn Cri>,
    /// Pods cannot start without it, and it cannot be pulled.
    sandbox_image: String,
    gc: ImageGc,
    policy: ImagePolicy,
    looked: Option<Duration>,
}

impl ImageKeeper {
    pub(super) fn new(env: Env, cri: Arc<dyn Cri>, sandbox_image: String) -> Self {
        let policy = ImagePolicy::default();
        Self { env, cri, sandbox_image, gc: ImageGc::default(), policy, looked: None }
    }

    /// A path on the disk of images.
    pub(super) async fn disk(&self) -> Option<PathBuf> {
        let info = self.cri.image_fs_info().await.ok()?;
        let mounted = info.image_filesystems.into_iter().next()?.fs_id?;
        Some(PathBuf::from(mounted.mountpoint))
    }

    /// Looks now and then, and removes what is to be removed.
    pub(super) async fn look(&mut self) {
        let now = self.env.elapsed();
        if self.looked.is_some_and(|looked| now.saturating_sub(looked) < EVERY) || !self.observe().await {
            return;
        }
        self.looked = Some(now);
        let Some(disk) = self.disk().await.map(|path| Disk::of(&path)) else { return };
        let plan = self.gc.plan(now, &self.policy, disk.usable_bytes(), disk.available_bytes);
        let mut freed = 0;
        for image in plan.candidates {
            if freed >= plan.free_bytes {
                break;
            }
            freed += self.remove(&image).await;
        }
    }

    /// Removes everything unused: disk pressure asks for that before it ends any pod.
    pub(super) async fn reclaim_all(&mut self) {
        if !self.observe().await {
            return;
        }
        for image in self.gc.all_unused(self.env.elapsed(), &self.policy) {
            self.remove(&image).await;
        }
    }

    async fn observe(&mut self) -> bool {
        let listed = futures::try_join!(self.cri.list_images(None), self.cri.list_containers(None));
        let Ok((images, containers)) = listed else { return false };
        let in_use: BTreeSet<String> = containers.into_iter().map(|container| container.image_ref).collect();
        let images = images.into_iter().map(|image| self.on_node(image)).collect();
        self.gc.observe(self.env.elapsed(), images, in_use);
        true
    }

    fn on_node(&self, image: Image) -> ImageOnNode {
        let ours = image.repo_tags.contains(&self.sandbox_image);
        ImageOnNode { id: image.id, size_bytes: image.size, pinned: image.pinned || ours }
    }

    /// Returns how much that frees, bytes.
    async fn remove(&self, image: &ImageOnNode) -> u64 {
        let spec = ImageSpec { image: image.id.clone(), ..Default::default() };
        match self.cri.remove_image(spec).await {
            Ok(()) => {
                tracing::info!(image = image.id, "an unused image is removed");
                image.size_bytes
            }
            Err(error) => {
                tracing::warn!(image = image.id, %error, "an unused image is not removed");
                0
            }
        }
    }
}
