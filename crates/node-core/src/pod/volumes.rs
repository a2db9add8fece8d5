//! The pod's volumes: set up before anything starts, kept up to date, torn down when nothing runs.

use std::time::Duration;

use k8s_openapi::api::core::v1::Volume;

use super::PodMachine;
use super::jobs::Task;
use crate::effect::Action;
use crate::now::Now;
use crate::spec;

/// How often volumes whose contents can change are brought up to date without any sign of a change:
/// tokens expire, and a missed watch event must not last.
pub(super) const REFRESH: Duration = Duration::from_secs(60);

impl PodMachine {
    /// Sets up what is not; says whether all volumes are there.
    pub(super) fn set_up_volumes(&mut self, now: Now) -> bool {
        let mut all = true;
        for volume in self.volumes() {
            let task = Task::SetUpVolume(volume.name.clone());
            all &= self.want(now, &task, || Action::SetUpVolume { volume: Box::new(volume) });
        }
        all
    }

    /// Brings changing volumes up to date when it is time.
    pub(super) fn refresh_volumes(&mut self, now: Now) {
        if now.mono < self.refresh_at {
            return;
        }
        self.refresh_at = now.mono + REFRESH;
        for volume in self.volumes().into_iter().filter(can_change) {
            let task = Task::SetUpVolume(volume.name);
            if self.jobs.done(&task) {
                self.jobs.renew(now.mono, &task);
            }
        }
    }

    /// Retries at once what waits after a failure.
    pub(super) fn hurry_volumes(&mut self, now: Now) {
        for volume in self.volumes() {
            self.jobs.hurry(now.mono, &Task::SetUpVolume(volume.name));
        }
    }

    /// Tears everything down; says whether all volumes are gone.
    pub(super) fn tear_down_volumes(&mut self, now: Now) -> bool {
        let setting_up = self.jobs.under_way(|task| matches!(task, Task::SetUpVolume(_)));
        if setting_up {
            return false;
        }
        let mut all = true;
        for volume in self.volumes() {
            let task = Task::TearDownVolume(volume.name.clone());
            all &= self.want(now, &task, || Action::TearDownVolume { volume: Box::new(volume) });
        }
        all
    }

    pub(super) fn has_live_volumes(&self) -> bool {
        spec::of(&self.pod).volumes.iter().flatten().any(can_change)
    }

    /// Volumes that live on the node. Image volumes are the runtime's.
    fn volumes(&self) -> Vec<Volume> {
        let spec = spec::of(&self.pod);
        spec.volumes.iter().flatten().filter(|v| v.image.is_none()).cloned().collect()
    }
}

/// Whether what the volume shows can change while the pod runs.
fn can_change(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}
