//! Which containers are started and ready.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::View;
use crate::probe::Readout;
use crate::spec::{ContainerSpec, Role};

/// Sets `started` and `ready`. A container whose probes have not reported yet keeps what its status said
/// before, so that a restart of the agent takes no pod out of service.
pub(super) fn set(
    view: &View<'_>,
    container: &ContainerSpec<'_>,
    old: Option<&ContainerStatus>,
    status: &mut ContainerStatus,
) {
    if container.role == Role::Ephemeral {
        return;
    }
    let state = status.state.as_ref();
    let running = state.is_some_and(|s| s.running.is_some());
    let same = old.filter(|old| old.container_id.is_some() && old.container_id == status.container_id);
    let started = running && is_started(view, container, same);
    status.started = Some(started);
    status.ready = match container.role {
        Role::Init => state.and_then(|s| s.terminated.as_ref()).is_some_and(|t| t.exit_code == 0),
        _ => started && is_ready(view, container, same),
    };
}

fn is_started(view: &View<'_>, container: &ContainerSpec<'_>, same: Option<&ContainerStatus>) -> bool {
    if container.container.startup_probe.is_none() || container.role == Role::Init {
        return true;
    }
    readout(view, container, |r| r.startup)
        .unwrap_or_else(|| same.is_some_and(|old| old.started == Some(true)))
}

fn is_ready(view: &View<'_>, container: &ContainerSpec<'_>, same: Option<&ContainerStatus>) -> bool {
    if container.container.readiness_probe.is_none() {
        return true;
    }
    readout(view, container, |r| r.readiness).unwrap_or_else(|| same.is_some_and(|old| old.ready))
}

fn readout(view: &View<'_>, container: &ContainerSpec<'_>, of: fn(&Readout) -> Option<bool>) -> Option<bool> {
    let newest = view.facts.newest(container.name())?;
    view.probes.get(&newest.id).and_then(of)
}
