//! One status per container, from the runtime's facts and the status before.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, ContainerUser, LinuxContainerUser, PodSpec, VolumeMountStatus,
};

use super::{View, readiness, seconds};
use crate::facts::{ContainerFact, ContainerState as Fact, Exit};
use crate::spec::{self, ContainerSpec, Role};

/// All messages of a pod together are at most this long, bytes.
const MAX_MESSAGES: usize = 12 * 1024;

const CONTAINER_STATUS_UNKNOWN: &str = "ContainerStatusUnknown";
const LOST_WHEN_TERMINATED: &str = "The container could not be located when the pod was terminated";
/// The two spaces are upstream's.
const LOST_WHEN_DELETED: &str =
    "The container could not be located when the pod was deleted.  The container used to be Running";
const INIT_FORGOTTEN: &str = "Unable to get init container status from container runtime and pod has been \
                              initialized, treat it as exited normally";
/// 128 + SIGKILL: says that it failed, when how is not known.
const LOST_EXIT_CODE: i32 = 137;

type Statuses = Option<Vec<ContainerStatus>>;

/// The statuses of init containers (in spec order), main and ephemeral containers (by name).
pub fn all(view: &View<'_>, spec: &PodSpec) -> (Statuses, Statuses, Statuses) {
    let mut init = Vec::new();
    let mut main = Vec::new();
    let mut ephemeral = Vec::new();
    for container in spec::containers(spec) {
        let list = match container.role {
            Role::Init | Role::Sidecar => &mut init,
            Role::Main => &mut main,
            Role::Ephemeral => &mut ephemeral,
        };
        list.push(one(view, spec, &container));
    }
    main.sort_by(|a, b| a.name.cmp(&b.name));
    ephemeral.sort_by(|a, b| a.name.cmp(&b.name));
    let count = init.len() + main.len() + ephemeral.len();
    for status in init.iter_mut().chain(&mut main).chain(&mut ephemeral) {
        truncate_messages(status, MAX_MESSAGES / count.max(1));
    }
    (super::list(init), super::list(main), super::list(ephemeral))
}

fn one(view: &View<'_>, spec: &PodSpec, container: &ContainerSpec<'_>) -> ContainerStatus {
    let old = previous(view, container);
    let attempts = view.facts.attempts(container.name());
    let mut status = match attempts.first() {
        Some(newest) => from_fact(view, container, newest, old),
        None => without_fact(view, spec, container, old),
    };
    if let Some(before) = attempts.get(1) {
        status.last_state = Some(state(view, before, None));
    }
    explain_wait(view, spec, container, attempts.first().copied(), &mut status);
    readiness::set(view, container, old, &mut status);
    status
}

/// What the status before said of the container.
fn previous<'a>(view: &View<'a>, container: &ContainerSpec<'_>) -> Option<&'a ContainerStatus> {
    let list = match container.role {
        Role::Init | Role::Sidecar => &view.previous.init_container_statuses,
        Role::Main => &view.previous.container_statuses,
        Role::Ephemeral => &view.previous.ephemeral_container_statuses,
    };
    list.iter().flatten().find(|status| status.name == container.name())
}

fn from_fact(
    view: &View<'_>,
    container: &ContainerSpec<'_>,
    fact: &ContainerFact,
    old: Option<&ContainerStatus>,
) -> ContainerStatus {
    let id = view.settings.container_id(&fact.id);
    let same = old.filter(|old| old.container_id.as_deref() == Some(&id));
    let mut status = ContainerStatus {
        name: fact.name.clone(),
        image: fact.image.clone(),
        image_id: fact.image_ref.clone(),
        restart_count: (fact.attempt as i32).max(old.map_or(0, |old| old.restart_count)),
        state: Some(state(view, fact, old)),
        last_state: last_state(old, same.is_some()),
        volume_mounts: mounts(view, &container.container),
        user: user(fact),
        container_id: Some(id),
        ..Default::default()
    };
    if fact.state == Fact::Unknown && old.is_some_and(was_running) {
        status.restart_count += 1;
    }
    if let Some(granted) = view.resources.get(container.name()) {
        status.allocated_resources = granted.allocated.requests.clone();
        let running = if fact.running() { &granted.actual } else { &granted.allocated };
        status.resources = Some(running.clone());
    }
    status
}

/// How the attempt before this one ended, as far as the status before knows.
fn last_state(old: Option<&ContainerStatus>, same_attempt: bool) -> Option<ContainerState> {
    let old = old?;
    let ended = |state: &Option<ContainerState>| state.clone().filter(|s| s.terminated.is_some());
    if same_attempt { ended(&old.last_state) } else { ended(&old.state).or_else(|| ended(&old.last_state)) }
}

fn state(view: &View<'_>, fact: &ContainerFact, old: Option<&ContainerStatus>) -> ContainerState {
    match &fact.state {
        Fact::Running => ContainerState {
            running: Some(ContainerStateRunning { started_at: fact.started_at.map(seconds) }),
            ..Default::default()
        },
        Fact::Exited(exit) => {
            ContainerState { terminated: Some(terminated(view, fact, exit)), ..Default::default() }
        }
        Fact::Unknown if old.is_some_and(was_running) => lost(LOST_WHEN_TERMINATED),
        Fact::Created | Fact::Unknown => waiting(not_started(&spec::of(view.pod))),
    }
}

fn terminated(view: &View<'_>, fact: &ContainerFact, exit: &Exit) -> ContainerStateTerminated {
    let started = fact.started_at.unwrap_or(Timestamp::UNIX_EPOCH);
    ContainerStateTerminated {
        container_id: Some(view.settings.container_id(&fact.id)),
        exit_code: exit.code,
        reason: text(&exit.reason),
        message: text(&exit.message),
        started_at: Some(seconds(started)),
        finished_at: Some(seconds(exit.finished_at)),
        signal: None,
    }
}

/// A container that the runtime has nothing of: it has not been made yet, or it has been forgotten.
fn without_fact(
    view: &View<'_>,
    spec: &PodSpec,
    container: &ContainerSpec<'_>,
    old: Option<&ContainerStatus>,
) -> ContainerStatus {
    if let Some(old) = old.filter(|old| old.state.as_ref().is_some_and(|s| s.terminated.is_some())) {
        return old.clone();
    }
    let mut status = ContainerStatus {
        name: container.name().to_owned(),
        image: container.container.image.clone().unwrap_or_default(),
        state: Some(waiting(not_started(spec))),
        volume_mounts: mounts(view, &container.container),
        ..Default::default()
    };
    let Some(old) = old else { return status };
    status.restart_count = old.restart_count;
    status.last_state = last_state(Some(old), true);
    if was_running(old) && status.last_state.is_none() {
        status.last_state = Some(lost(LOST_WHEN_DELETED));
        if view.pod.metadata.deletion_timestamp.is_none() {
            status.restart_count += 1;
        }
    }
    status
}

/// A container that is about to be started but cannot be says why.
fn explain_wait(
    view: &View<'_>,
    spec: &PodSpec,
    container: &ContainerSpec<'_>,
    newest: Option<&ContainerFact>,
    status: &mut ContainerStatus,
) {
    if container.role == Role::Init {
        if newest.and_then(ContainerFact::exit).is_some_and(|exit| exit.code == 0) {
            return;
        }
        let waits = status.state.as_ref().is_some_and(|s| s.waiting.is_some());
        if newest.is_none() && waits && any_main_made(view, spec) {
            status.state = Some(forgotten_success());
            return;
        }
    }
    if !is_to_start(view, spec, container, newest) {
        return;
    }
    let Some(why) = view.waiting.get(container.name()) else { return };
    if let Some(state) = status.state.take().filter(|s| s.terminated.is_some()) {
        status.last_state = Some(state);
    }
    status.state = Some(ContainerState {
        waiting: Some(ContainerStateWaiting { reason: text(&why.reason), message: text(&why.message) }),
        ..Default::default()
    });
}

/// Whether the container does not run and is meant to.
fn is_to_start(
    view: &View<'_>,
    spec: &PodSpec,
    container: &ContainerSpec<'_>,
    newest: Option<&ContainerFact>,
) -> bool {
    if view.pod.metadata.deletion_timestamp.is_some() {
        return false;
    }
    match newest.map(|fact| &fact.state) {
        None | Some(Fact::Created | Fact::Unknown) => true,
        Some(Fact::Running) => false,
        Some(Fact::Exited(exit)) => {
            spec::restarts_after_exit(spec, &container.container, container.role, exit.code)
        }
    }
}

fn any_main_made(view: &View<'_>, spec: &PodSpec) -> bool {
    spec.containers.iter().any(|c| view.facts.newest(&c.name).is_some_and(|f| f.state != Fact::Unknown))
}

fn forgotten_success() -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            reason: text("Completed"),
            message: text(INIT_FORGOTTEN),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn mounts(view: &View<'_>, container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container.volume_mounts.iter().flatten().map(|mount| {
        let read_only = mount.read_only.unwrap_or(false);
        let recursive = match mount.recursive_read_only.as_deref() {
            Some("Enabled") => true,
            Some("IfPossible") => view.settings.recursive_read_only_mounts,
            _ => false,
        };
        let mode = if recursive { "Enabled" } else { "Disabled" };
        VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: read_only.then_some(true),
            recursive_read_only: read_only.then(|| mode.to_owned()),
            ..Default::default()
        }
    });
    super::list(mounts.collect())
}

fn user(fact: &ContainerFact) -> Option<ContainerUser> {
    let user = fact.user.as_ref()?;
    let linux = LinuxContainerUser {
        uid: user.uid,
        gid: user.gid,
        supplemental_groups: super::list(user.supplemental_groups.clone()),
    };
    Some(ContainerUser { linux: Some(linux) })
}

/// What a container waits for that nothing keeps from starting.
fn not_started(spec: &PodSpec) -> &'static str {
    if spec::init_containers(spec).is_empty() { "ContainerCreating" } else { "PodInitializing" }
}

fn waiting(reason: &str) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message: None };
    ContainerState { waiting: Some(waiting), ..Default::default() }
}

fn lost(message: &str) -> ContainerState {
    let terminated = ContainerStateTerminated {
        reason: text(CONTAINER_STATUS_UNKNOWN),
        message: text(message),
        exit_code: LOST_EXIT_CODE,
        ..Default::default()
    };
    ContainerState { terminated: Some(terminated), ..Default::default() }
}

fn was_running(old: &ContainerStatus) -> bool {
    old.state.as_ref().is_some_and(|s| s.running.is_some())
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn truncate_messages(status: &mut ContainerStatus, limit: usize) {
    for state in [&mut status.state, &mut status.last_state].into_iter().flatten() {
        if let Some(message) = state.terminated.as_mut().and_then(|t| t.message.as_mut()) {
            message.truncate(message.floor_char_boundary(limit));
        }
    }
}

/// A container of a finished pod that has no end on record has failed.
pub(super) fn mark_lost(status: &mut ContainerStatus) {
    if status.state.as_ref().is_none_or(|s| s.terminated.is_none()) {
        status.state = Some(lost(LOST_WHEN_TERMINATED));
        status.ready = false;
        status.started = Some(false);
    }
}

/// How many init containers have been tried: all but those at the end that never left waiting; at least one.
pub(super) fn begun(init: &[ContainerStatus]) -> usize {
    let tried = |s: &ContainerStatus| !is_waiting(s) || ended_before(s).is_some();
    init.iter().rposition(tried).map_or(usize::from(!init.is_empty()), |last| last + 1)
}

/// Whether there is any sign that the main containers were begun.
pub(super) fn pod_has_initialized(
    spec: &PodSpec,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> bool {
    let Some(last_spec) = spec::init_containers(spec).last() else { return true };
    if main.iter().any(|s| !is_waiting(s) || ended_before(s).is_some()) {
        return true;
    }
    let Some(last) = init.iter().find(|s| s.name == last_spec.name) else { return false };
    if spec::is_sidecar(last_spec) {
        return was_running(last) && last.started == Some(true);
    }
    let succeeded = |t: Cow<'_, ContainerStateTerminated>| t.exit_code == 0;
    let ended_now = last.state.as_ref().and_then(|s| s.terminated.as_ref());
    ended_now.map(Cow::Borrowed).is_some_and(succeeded)
        || ended_before(last).map(Cow::Borrowed).is_some_and(succeeded)
}

fn is_waiting(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|s| s.waiting.is_some())
}

fn ended_before(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.last_state.as_ref().and_then(|s| s.terminated.as_ref())
}
