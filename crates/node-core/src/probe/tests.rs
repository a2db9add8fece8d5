use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::effect::FailureKind;

/// A container with probes, on a clock that the test moves.
struct Bench {
    prober: Prober,
    container: Container,
    id: String,
    started_s: u64,
    now_s: u64,
    scope: Scope,
    was_started: bool,
}

const EPOCH: i64 = 1_800_000_000;

impl Bench {
    fn new(probes: Value) -> Self {
        let mut container = json!({"name": "web"});
        for (key, value) in probes.as_object().unwrap() {
            container[key] = value.clone();
        }
        Self {
            prober: Prober::default(),
            container: serde_json::from_value(container).unwrap(),
            id: "one".into(),
            started_s: 0,
            now_s: 0,
            scope: Scope::All,
            was_started: false,
        }
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_second(EPOCH + self.now_s as i64).unwrap();
        Now { mono: Duration::from_secs(self.now_s), wall }
    }

    /// The probes that begin at that second.
    fn at(&mut self, second: u64) -> Vec<Kind> {
        self.now_s = second;
        let target = Target {
            container: &self.container,
            field_path: "spec.containers{web}",
            id: &self.id,
            started_at: Timestamp::from_second(EPOCH + self.started_s as i64).unwrap(),
            was_started: self.was_started,
            adopted: false,
            pod_ip: "10.0.0.1",
        };
        let (runs, events) = self.prober.poll(self.now(), &[target], self.scope);
        assert!(events.is_empty());
        runs.into_iter().map(|run| run.key.kind).collect()
    }

    fn answer(&mut self, kind: Kind, success: bool) -> Option<PodEvent> {
        let result = match success {
            true => Ok(Answer::Done),
            false => Err(Failure { kind: FailureKind::Other, message: "refused".into() }),
        };
        let key = Key { container: "web".into(), id: self.id.clone(), kind };
        self.prober.answer(self.now(), &key, "spec.containers{web}", &result)
    }

    fn readout(&self) -> Readout {
        self.prober.readouts().get(&self.id).copied().unwrap_or_default()
    }
}

fn tcp(more: Value) -> Value {
    let mut probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 10});
    for (key, value) in more.as_object().unwrap() {
        probe[key] = value.clone();
    }
    probe
}

#[test]
fn a_probe_waits_its_delay_and_then_runs_each_period() {
    let mut bench = Bench::new(json!({"readinessProbe": tcp(json!({"initialDelaySeconds": 5}))}));
    let mut check = |second, expected: &[Kind]| {
        assert_eq!(bench.at(second), expected, "at {second}");
        if !expected.is_empty() {
            bench.answer(Kind::Readiness, true);
        }
    };
    check(0, &[]);
    check(4, &[]);
    check(5, &[Kind::Readiness]);
    check(6, &[]);
    check(15, &[Kind::Readiness]);
    check(40, &[Kind::Readiness]);
    check(49, &[]);
    check(50, &[Kind::Readiness]);
}

#[test]
fn a_result_stands_once_it_came_often_enough() {
    let probe = tcp(json!({"failureThreshold": 2, "successThreshold": 2, "periodSeconds": 1}));
    let mut bench = Bench::new(json!({"readinessProbe": probe}));
    let answers = [
        (true, None),
        (true, Some(true)),
        (false, Some(true)),
        (true, Some(true)),
        (false, Some(true)),
        (false, Some(false)),
        (true, Some(false)),
        (true, Some(true)),
    ];
    for (second, (success, expected)) in answers.into_iter().enumerate() {
        assert_eq!(bench.at(second as u64), [Kind::Readiness]);
        bench.answer(Kind::Readiness, success);
        assert_eq!(bench.readout().readiness, expected, "at {second}");
    }
}

#[test]
fn the_startup_probe_holds_the_others_back_and_then_stops() {
    let probe = || tcp(json!({"periodSeconds": 1}));
    let mut bench =
        Bench::new(json!({"startupProbe": probe(), "livenessProbe": probe(), "readinessProbe": probe()}));
    assert_eq!(bench.at(0), [Kind::Startup]);
    bench.answer(Kind::Startup, false);
    assert_eq!(bench.at(1), [Kind::Startup]);
    bench.answer(Kind::Startup, true);
    assert_eq!(bench.readout().startup, Some(true));
    assert_eq!(bench.at(2), [Kind::Readiness, Kind::Liveness]);
}

#[test]
fn a_failed_liveness_probe_is_held_until_the_container_is_replaced() {
    let probe = tcp(json!({"periodSeconds": 1, "failureThreshold": 1}));
    let mut bench = Bench::new(json!({"livenessProbe": probe}));
    assert_eq!(bench.at(0), [Kind::Liveness]);
    let event = bench.answer(Kind::Liveness, false).unwrap();
    assert_eq!(event.reason, "Unhealthy");
    assert_eq!(event.message, "Liveness probe failed: refused");
    assert_eq!(event.field_path.as_deref(), Some("spec.containers{web}"));
    assert_eq!(bench.readout().liveness, Some(false));
    assert_eq!(bench.at(5), []);
    (bench.id, bench.started_s) = ("two".into(), 6);
    assert_eq!(bench.at(6), [Kind::Liveness]);
    assert_eq!(bench.readout().liveness, None);
}

#[test]
fn a_pod_being_stopped_is_asked_only_whether_it_serves() {
    let probe = || tcp(json!({"periodSeconds": 1}));
    let mut bench = Bench::new(json!({"livenessProbe": probe(), "readinessProbe": probe()}));
    bench.scope = Scope::Readiness;
    assert_eq!(bench.at(0), [Kind::Readiness]);
}

#[test]
fn a_container_that_had_started_before_the_agent_did_is_not_started_again() {
    let mut bench = Bench::new(json!({"startupProbe": tcp(json!({}))}));
    bench.was_started = true;
    assert_eq!(bench.at(0), []);
    assert_eq!(bench.readout().startup, Some(true));
}

#[test]
fn an_answer_for_an_attempt_that_is_gone_is_dropped() {
    let mut bench = Bench::new(json!({"livenessProbe": tcp(json!({"failureThreshold": 1}))}));
    assert_eq!(bench.at(0), [Kind::Liveness]);
    (bench.id, bench.started_s) = ("two".into(), 1);
    assert_eq!(bench.at(1), [Kind::Liveness]);
    bench.id = "one".into();
    assert_eq!(bench.answer(Kind::Liveness, false), None);
    bench.id = "two".into();
    assert_eq!(bench.readout().liveness, None);
}
