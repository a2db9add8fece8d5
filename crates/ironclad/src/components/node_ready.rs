//! Waits until this machine's Node is Ready, as everybody else sees it.

use std::time::Duration;

use ironclad_api::{GroupResource, GroupVersionResource, ObjectKey};
use ironclad_client::{Cache, Request, Target};
use ironclad_env::{BoxFuture, EnvironmentExt};
use serde_json::Value;

use super::{Component, Context};
use crate::failure::{Exit, Failure};

const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);
/// Where it takes a call.
const REMOTE_POLL: Duration = Duration::from_millis(200);
/// How long the serving certificate may take; without it the node runs pods, but nobody reads their logs.
const APPROVAL: Duration = Duration::from_secs(30);

pub struct NodeReady;

impl Component for NodeReady {
    fn name(&self) -> &'static str {
        "node ready"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let name = context.machine.node_name.clone();
            let poll = if context.made.engine.is_some() { POLL } else { REMOTE_POLL };
            let ready = async {
                while !matches!(condition(context).await, Condition::Ready) {
                    context.env.sleep(poll).await;
                }
            };
            match context.env.timeout(LIMIT, ready).await {
                Some(()) if is_believed(context).await => Ok(name),
                Some(()) => Ok(format!("{name}; its serving certificate awaits approval: kubectl get csr")),
                None => Err(late(&condition(context).await, context)),
            }
        })
    }
}

/// Whether the API server believes the agent's server, or comes to soon.
async fn is_believed(context: &Context) -> bool {
    let Some(mut served) = context.made.membership().served.clone() else { return true };
    let believed = async move { served.wait_for(|served| *served).await.is_ok() };
    context.env.timeout(APPROVAL, believed).await.unwrap_or(false)
}

#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// There is no Node object.
    Absent,
    /// What the Node says of itself.
    NotReady(String),
    Ready,
}

/// As the server's own cache has the Node, or as a server elsewhere answers.
async fn condition(context: &Context) -> Condition {
    let nodes = GroupVersionResource::new("", "v1", "nodes");
    let key = ObjectKey::cluster(context.machine.node_name.as_str());
    let object = match (&context.made.engine, &context.made.client) {
        (Some(engine), _) => {
            let resource: GroupResource = nodes.group_resource();
            engine.cache().get(&resource, &key).map(|entry| entry.object())
        }
        (None, Some(client)) => client.call(Request::get(Target::object(nodes, &key))).await.ok(),
        (None, None) => None,
    };
    object.map_or(Condition::Absent, |object| read(object.at(&["status", "conditions"])))
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
