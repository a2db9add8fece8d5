//! The driver of a pod's machine, over hands that do nothing and say that it is done.

use std::sync::Arc;
use std::time::Duration;

use ironclad_env::{BoxFuture, Env, RealEnv};
use ironclad_node_core::cgroup::{CgroupDriver, CgroupLayout, CgroupVersion};
use ironclad_node_core::effect::{Answer, Failure};
use ironclad_node_core::event::PodEvent;
use ironclad_node_core::facts::ImageFact;
use ironclad_node_core::pod::PodMachine;
use ironclad_node_core::settings::Allocatable;
use ironclad_node_core::{Action, ContainerFact, ContainerState, Input, NodeSettings, PodFacts, SandboxFact};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use serde_json::json;

use super::book::Book;
use super::hands::Hands;
use super::inbox::Inbox;
use super::worker::{Worker, now};
use crate::sources::Tell;

/// Remembers what was asked for, and the last phase that was written.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<&'static str>>,
    phase: Mutex<String>,
}

struct FakeHands(Arc<Fake>);

impl Hands for FakeHands {
    fn carry_out(&self, _: Arc<Pod>, action: Action) -> BoxFuture<'static, Result<Answer, Failure>> {
        let fake = self.0.clone();
        Box::pin(async move { Ok(fake.act(action)) })
    }

    fn event(&self, _: &Pod, _: PodEvent) {}

    fn follow(&self, _: &Pod, _: &Tell) {}

    fn gone(&self, _: &str) {}
}

impl Fake {
    fn act(&self, action: Action) -> Answer {
        let (word, answer) = match action {
            Action::RunSandbox { .. } => ("run sandbox", Answer::Sandbox(sandbox())),
            Action::FindImage { .. } => ("find image", Answer::Image(Some(ImageFact::default()))),
            Action::CreateContainer(_) => ("create", container(ContainerState::Created)),
            Action::StartContainer { .. } => ("start", container(ContainerState::Running)),
            Action::WriteStatus { status } => {
                *self.phase.lock() = status.phase.unwrap_or_default();
                return Answer::Done;
            }
            Action::Inspect => ("inspect", Answer::Facts(PodFacts::default())),
            Action::Prepare { .. } => ("prepare", Answer::Done),
            Action::Unprepare { .. } => ("unprepare", Answer::Done),
            Action::StopContainer { .. } => ("stop", Answer::Done),
            Action::StopSandbox { .. } => ("stop sandbox", Answer::Done),
            Action::RemoveSandbox { .. } => ("remove sandbox", Answer::Done),
            _ => ("other", Answer::Done),
        };
        self.asked.lock().push(word);
        answer
    }
}

fn sandbox() -> SandboxFact {
    SandboxFact {
        id: "s".into(),
        attempt: 0,
        ready: true,
        created_at: Timestamp::UNIX_EPOCH,
        ips: vec!["10.244.0.2".into()],
        host_network: false,
    }
}

fn container(state: ContainerState) -> Answer {
    Answer::Container(Box::new(ContainerFact {
        id: "c".into(),
        sandbox_id: "s".into(),
        name: "main".into(),
        attempt: 0,
        started_at: (state == ContainerState::Running).then_some(Timestamp::UNIX_EPOCH),
        state,
        created_at: Timestamp::UNIX_EPOCH,
        image: "busybox:1".into(),
        image_ref: "sha256:1".into(),
        hash: String::new(),
        user: None,
    }))
}

fn settings(env: &Env) -> NodeSettings {
    NodeSettings {
        node_name: "node".into(),
        host_ips: vec![[192, 168, 0, 1].into()],
        runtime_name: "containerd".into(),
        root_dir: "/nowhere".into(),
        pod_logs_dir: "/nowhere".into(),
        seccomp_dir: "/nowhere".into(),
        cluster_dns: Vec::new(),
        cluster_domain: "cluster.local".into(),
        host_resolv: Default::default(),
        host_hosts: String::new(),
        cgroups: CgroupLayout {
            version: CgroupVersion::V2,
            driver: CgroupDriver::Cgroupfs,
            root: "/kubepods".into(),
        },
        memory_capacity_bytes: 1 << 30,
        swap_accounting: false,
        allocatable: Allocatable::default(),
        allowed_unsafe_sysctls: Vec::new(),
        recursive_read_only_mounts: false,
        agent_started: env.now(),
    }
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

#[tokio::test]
async fn a_pod_is_driven_from_its_start_to_its_removal() {
    let env = RealEnv::shared();
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "u"},
        "spec": {"containers": [{"name": "main", "image": "busybox:1"}], "terminationGracePeriodSeconds": 1},
        "status": {"phase": "Pending"},
    }))
    .expect("a pod");
    let machine = PodMachine::new(Arc::new(settings(&env)), Arc::new(pod), PodFacts::default(), now(&env));
    let (fake, inbox, book) =
        (Arc::new(Fake::default()), Arc::new(Inbox::default()), Arc::new(Book::default()));
    let worker = Worker {
        env: env.clone(),
        hands: Arc::new(FakeHands(fake.clone())),
        inbox: inbox.clone(),
        book: book.clone(),
        running: Default::default(),
    };
    let work = tokio::spawn(worker.run(machine, Input::Tick));
    eventually("it runs", || *fake.phase.lock() == "Running").await;
    let begun = ["prepare", "run sandbox", "find image", "create", "start"];
    assert_eq!(*fake.asked.lock(), begun);
    let page = book.by_name("default", "web").expect("it is in the book");
    assert!(page.is_taken() && page.facts.container("c").is_some());

    inbox.gone();
    tokio::time::timeout(Duration::from_secs(10), work)
        .await
        .expect("it ends in time")
        .expect("it ends well");
    let asked = fake.asked.lock().clone();
    assert!(asked.contains(&"stop") && asked.contains(&"unprepare"), "{asked:?}");
}
