//! Dead containers and sandboxes that are no longer of use.
//!
//! Of each container of a pod the newest dead attempt is kept, for its status and its log. What belongs to
//! pods that are gone is the business of their own machines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{ContainerFact, ContainerState, PodFacts};

/// One thing to remove from the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// With its log. One in an unknown state is stopped first.
    Container { id: String, stop_first: bool },
    /// Stopped first, if it is not.
    Sandbox { id: String },
}

/// How many dead attempts at each container are kept.
pub const KEPT_PER_CONTAINER: usize = 1;

/// What can be removed of one pod that still exists.
pub fn of_pod(facts: &PodFacts, kept: usize) -> Vec<Removal> {
    let mut dead: BTreeMap<&str, Vec<&ContainerFact>> = BTreeMap::new();
    for fact in facts.containers.iter().filter(|fact| !fact.running()) {
        dead.entry(fact.name.as_str()).or_default().push(fact);
    }
    let mut removed = BTreeSet::new();
    let mut removals = Vec::new();
    for attempts in dead.values_mut() {
        attempts.sort_by_key(|c| Reverse((c.created_at, c.attempt)));
        for fact in attempts.iter().skip(kept).filter(|fact| !may_yet_start(facts, fact)) {
            removed.insert(fact.id.as_str());
            let stop_first = fact.state == ContainerState::Unknown;
            removals.push(Removal::Container { id: fact.id.clone(), stop_first });
        }
    }
    let latest = facts.latest_sandbox().map(|s| s.id.as_str());
    let used =
        |id: &str| facts.containers.iter().any(|c| c.sandbox_id == id && !removed.contains(c.id.as_str()));
    let stale = facts.sandboxes.iter().filter(|s| !s.ready && Some(s.id.as_str()) != latest && !used(&s.id));
    removals.extend(stale.map(|s| Removal::Sandbox { id: s.id.clone() }));
    removals
}

/// The newest attempt, made and not started, may be about to be.
fn may_yet_start(facts: &PodFacts, fact: &ContainerFact) -> bool {
    fact.state == ContainerState::Created
        && facts.newest(&fact.name).is_some_and(|newest| newest.id == fact.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Exit, SandboxFact};
    use jiff::Timestamp;

    fn container(id: &str, name: &str, attempt: u32, sandbox: &str, state: ContainerState) -> ContainerFact {
        ContainerFact {
            id: id.into(),
            sandbox_id: sandbox.into(),
            name: name.into(),
            attempt,
            state,
            created_at: Timestamp::from_second(i64::from(attempt)).unwrap(),
            started_at: None,
            image: String::new(),
            image_ref: String::new(),
            hash: String::new(),
            user: None,
        }
    }

    fn dead() -> ContainerState {
        let exit = Exit {
            code: 0,
            reason: String::new(),
            message: String::new(),
            finished_at: Timestamp::UNIX_EPOCH,
        };
        ContainerState::Exited(exit)
    }

    fn sandbox(id: &str, attempt: u32, ready: bool) -> SandboxFact {
        let created_at = Timestamp::from_second(i64::from(attempt)).unwrap();
        SandboxFact { id: id.into(), attempt, ready, created_at, ips: vec![], host_network: false }
    }

    #[test]
    fn the_newest_dead_attempt_of_each_container_stays() {
        let facts = PodFacts {
            sandboxes: vec![sandbox("old", 0, false), sandbox("new", 1, true)],
            containers: vec![
                container("a0", "a", 0, "old", dead()),
                container("a1", "a", 1, "new", dead()),
                container("a2", "a", 2, "new", dead()),
                container("a3", "a", 3, "new", ContainerState::Running),
                container("b0", "b", 0, "new", dead()),
                container("c0", "c", 0, "new", ContainerState::Unknown),
                container("c1", "c", 1, "new", ContainerState::Created),
            ],
        };
        let removals = of_pod(&facts, KEPT_PER_CONTAINER);
        let expected = [
            Removal::Container { id: "a1".into(), stop_first: false },
            Removal::Container { id: "a0".into(), stop_first: false },
            Removal::Container { id: "c0".into(), stop_first: true },
            Removal::Sandbox { id: "old".into() },
        ];
        assert_eq!(removals, expected);
    }

    #[test]
    fn the_latest_sandbox_stays_even_when_it_is_dead() {
        let facts = PodFacts { sandboxes: vec![sandbox("only", 0, false)], containers: vec![] };
        assert_eq!(of_pod(&facts, KEPT_PER_CONTAINER), []);
    }
}
