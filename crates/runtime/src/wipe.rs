//! Taking everything away that a containerd of ours has made.
//!
//! The polite way first: every pod is stopped and removed over CRI, which also takes its network down. Then
//! what a crash may have left: shims and their containers, mounts, folders.

mod leftovers;

use std::time::Duration;

use futures::StreamExt;
use ironclad_cri::Cri;

use crate::{Containerd, Health, RuntimeError};

/// Pods taken down at the same time.
const AT_ONCE: usize = 8;
/// A pod that takes longer than this to go is left to the impolite way.
const POD_LIMIT: Duration = Duration::from_secs(30);

impl Containerd {
    /// Ends every pod, then containerd, and removes all its files: images, logs, configuration.
    ///
    /// Needs containerd for the pods' networks; where it can no longer be started, the pods are killed and
    /// their addresses stay reserved in the CNI plugins' own files, which belong to who configured them.
    pub async fn wipe(&self) -> Result<(), RuntimeError> {
        let layout = self.layout();
        if !layout.data_dir().exists() && !layout.run_dir().exists() {
            return Ok(());
        }
        if let Err(error) = self.remove_pods().await {
            tracing::warn!(%error, "pods are killed because containerd cannot be asked to end them");
        }
        self.stop().await?;
        leftovers::kill_shims(&layout.socket()).await?;
        leftovers::unmount_below(layout.run_dir())?;
        leftovers::unmount_below(layout.data_dir())?;
        leftovers::remove(layout.run_dir())?;
        leftovers::remove(layout.data_dir())?;
        leftovers::remove_shim_folders();
        Ok(())
    }

    async fn remove_pods(&self) -> Result<(), RuntimeError> {
        if !matches!(self.health().await, Health::Running { .. }) {
            // Nothing has ever run here, or nothing can be left of it.
            if !self.layout().config().exists() || leftovers::is_empty(&self.layout().state()) {
                return Ok(());
            }
            self.ensure_running().await?;
        }
        let client = &self.client();
        let sandboxes = client.list_pod_sandboxes(None).await.unwrap_or_default();
        let remove = |id: String| async move {
            let removed = async {
                client.stop_pod_sandbox(&id).await?;
                client.remove_pod_sandbox(&id).await
            };
            match tokio::time::timeout(POD_LIMIT, removed).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(sandbox = %id, %error, "pod not ended in order"),
                Err(_) => tracing::warn!(sandbox = %id, "pod not ended within {POD_LIMIT:?}"),
            }
        };
        let ids = sandboxes.into_iter().map(|sandbox| sandbox.id);
        futures::stream::iter(ids).for_each_concurrent(AT_ONCE, remove).await;
        Ok(())
    }
}
