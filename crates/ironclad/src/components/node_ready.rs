//! Waits until this machine's Node is Ready, as everybody else sees it.

use std::time::Duration;

use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::Cache;
use ironclad_env::{BoxFuture, EnvironmentExt};
use serde_json::Value;

use super::{Component, Context};
use crate::failure::{Exit, Failure};

const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

pub struct NodeReady;

impl Component for NodeReady {
    fn name(&self) -> &'static str {
        "node ready"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let cache = context.made.engine().cache();
            let name = context.machine.node_name.clone();
            let env = context.env.clone();
            let ready = async {
                while !matches!(condition(&*cache, &name), Condition::Ready) {
                    env.sleep(POLL).await;
                }
            };
            match context.env.timeout(LIMIT, ready).await {
                Some(()) => Ok(name),
                None => Err(late(&condition(&*cache, &name), context)),
            }
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// There is no Node object.
    Absent,
    /// What the Node says of itself.
    NotReady(String),
    Ready,
}

fn condition(cache: &dyn Cache, node: &str) -> Condition {
    let nodes = GroupResource::new("", "nodes");
    match cache.get(&nodes, &ObjectKey::cluster(node)) {
        None => Condition::Absent,
        Some(entry) => read(entry.object().at(&["status", "conditions"])),
    }
}

fn read(conditions: Option<&Value>) -> Condition {
    let mut conditions = conditions.and_then(Value::as_array).into_iter().flatten();
    match conditions.find(|condition| condition["type"] == "Ready") {
        Some(ready) if ready["status"] == "True" => Condition::Ready,
        Some(ready) => Condition::NotReady(ready["message"].as_str().unwrap_or_default().to_owned()),
        None => Condition::NotReady("it has not said so yet".into()),
    }
}

fn late(condition: &Condition, context: &Context) -> Failure {
    let name = &context.machine.node_name;
    let what = match condition {
        Condition::Absent => format!("the node {name} has not registered itself after {LIMIT:?}"),
        Condition::NotReady(why) => format!("the node {name} is not ready after {LIMIT:?}: {why}"),
        Condition::Ready => format!("the node {name} was ready only just too late"),
    };
    Failure::new(
        Exit::Timeout,
        what,
        format!("the log says more: {}", context.config.log().join("ironclad.log").display()),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_node_is_ready_when_it_says_so() {
        let ready = |status: &str| json!([{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": status, "message": "m"}]);
        assert_eq!(read(Some(&ready("True"))), Condition::Ready);
        assert_eq!(read(Some(&ready("False"))), Condition::NotReady("m".into()));
        assert_eq!(read(None), Condition::NotReady("it has not said so yet".into()));
    }
}
