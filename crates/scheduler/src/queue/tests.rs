use serde_json::json;

use super::*;
use crate::fixture::{pod, pod_info};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn info(name: &str, priority: i32) -> Arc<PodInfo> {
    pod_info(&pod(name, "", "", json!({ "spec": { "priority": priority } })))
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

fn popped(queue: &mut Queue, now: Duration) -> Option<String> {
    queue.pop(now).map(|pod| pod.key.name.clone())
}

#[test]
fn the_most_important_goes_first_then_who_waited_longest() {
    let mut queue = Queue::default();
    for (name, priority, at) in [("low", 0, 0), ("late", 10, 2), ("early", 10, 1)] {
        queue.put(info(name, priority), s(at));
    }
    let order: Vec<_> = std::iter::from_fn(|| popped(&mut queue, s(3))).collect();
    assert_eq!(order, ["early", "late", "low"]);
}

#[test]
fn back_off_doubles_from_one_second_to_ten() {
    let waits: Vec<_> = (1..=6).map(|attempts| back_off(attempts).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
    assert_eq!(back_off(u32::MAX), s(10));
}

#[test]
fn a_parked_pod_waits_for_help_and_lets_others_go_first() {
    let mut queue = Queue::default();
    queue.put(info("a", 10), s(0));
    queue.pop(s(0));
    queue.unfit(&key("a"), Rejectors::from(["NodeName"]), false, s(0));
    queue.wake(s(0), |_, rejectors| rejectors.contains("NodePorts"));
    assert_eq!((popped(&mut queue, s(0)), queue.deadline()), (None, Some(s(300))));
    queue.wake(s(0), |_, rejectors| rejectors.contains("NodeName"));
    assert_eq!(queue.deadline(), Some(s(1)));
    queue.put(info("b", 0), s(0));
    assert_eq!(popped(&mut queue, s(0)), Some("b".into()), "a backs off");
    queue.put(info("c", 0), s(1));
    assert_eq!(popped(&mut queue, s(1)), Some("a".into()), "the back-off is over");
}

#[test]
fn with_nothing_else_to_do_no_pod_waits_for_its_turn_unless_the_api_failed() {
    let mut queue = Queue::default();
    queue.put(info("a", 0), s(0));
    queue.pop(s(0));
    queue.unfit(&key("a"), Rejectors::new(), false, s(0));
    queue.wake(s(0), |_, _| true);
    assert_eq!(popped(&mut queue, s(0)), Some("a".into()));
    queue.failed(&key("a"), s(0));
    assert_eq!(popped(&mut queue, s(0)), None);
    assert_eq!(queue.deadline(), Some(s(1)));
    assert_eq!(popped(&mut queue, s(1)), Some("a".into()));
}

#[test]
fn a_pod_is_tried_again_after_five_minutes_at_most() {
    let mut queue = Queue::default();
    queue.put(info("a", 0), s(0));
    queue.pop(s(0));
    queue.unfit(&key("a"), Rejectors::from(["NodeName"]), false, s(0));
    assert_eq!(popped(&mut queue, s(299)), None);
    assert_eq!(popped(&mut queue, s(300)), Some("a".into()));
}

#[test]
fn gates_keep_a_pod_out_until_the_last_is_gone() {
    let gated = |gates: serde_json::Value| {
        pod_info(&pod("a", "", "", json!({ "spec": { "schedulingGates": gates } })))
    };
    let mut queue = Queue::default();
    queue.put(gated(json!([{ "name": "x" }])), s(0));
    queue.wake(s(0), |_, _| true);
    assert_eq!((popped(&mut queue, s(900)), queue.deadline()), (None, None));
    queue.put(gated(json!([])), s(901));
    assert_eq!(popped(&mut queue, s(901)), Some("a".into()));
}

#[test]
fn only_what_matters_wakes_a_pod_by_its_own_change() {
    let with = |extra: serde_json::Value| pod_info(&pod("a", "", "", extra));
    let mut queue = Queue::default();
    queue.put(with(json!({})), s(0));
    queue.pop(s(0));
    queue.unfit(&key("a"), Rejectors::from(["NodeName"]), false, s(0));
    queue.put(with(json!({ "status": { "phase": "Pending" } })), s(5));
    assert_eq!(popped(&mut queue, s(5)), None);
    queue.put(with(json!({ "spec": { "tolerations": [{ "operator": "Exists" }] } })), s(6));
    assert_eq!(popped(&mut queue, s(6)), Some("a".into()));
}

#[test]
fn a_held_pod_waits_for_its_evictions() {
    let mut queue = Queue::default();
    let hold = |queue: &mut Queue| {
        assert_eq!(popped(queue, s(100)), Some("a".into()));
        queue.unfit(&key("a"), Rejectors::from(["NodeResourcesFit"]), true, s(50));
    };
    queue.put(info("a", 0), s(0));
    hold(&mut queue);
    queue.wake(s(100), |_, _| true);
    assert_eq!(popped(&mut queue, s(100)), None);
    queue.release(&key("a"), false, s(100));
    hold(&mut queue);
    queue.release(&key("a"), false, s(100));
    assert_eq!(popped(&mut queue, s(100)), None);
    queue.wake(s(100), |_, _| true);
    hold(&mut queue);
    queue.release(&key("a"), true, s(100));
    assert_eq!(popped(&mut queue, s(100)), Some("a".into()));
}

#[test]
fn a_pod_of_the_same_name_is_another_pod() {
    let mut queue = Queue::default();
    queue.put(info("a", 0), s(0));
    queue.pop(s(0));
    let mut again = pod("a", "", "", json!({}));
    again["metadata"]["uid"] = "another".into();
    queue.put(pod_info(&again), s(1));
    // The outcome of the first one's attempt is no longer of interest.
    assert_eq!(queue.pop(s(1)).map(|pod| pod.uid.clone()), Some("another".into()));
    queue.failed(&key("a"), s(1));
    assert_eq!(queue.remove(&key("a")).map(|pod| pod.uid.clone()), Some("another".into()));
    assert_eq!((popped(&mut queue, s(900)), queue.deadline()), (None, None));
}
