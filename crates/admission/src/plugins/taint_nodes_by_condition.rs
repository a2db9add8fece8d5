//! TaintNodesByCondition: a new node takes no pods until it has reported that it is ready.

use ironclad_api::Status;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use serde_json::{Value, json};

use super::is_about;
use crate::{Cluster, Plugin};

const KEY: &str = "node.kubernetes.io/not-ready";
const EFFECT: &str = "NoSchedule";

pub(super) struct TaintNodesByCondition;

impl Plugin for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, _: &Cluster<'_>) -> Result<(), Status> {
        if request.operation != AdmissionOperation::Create || !is_about(request, "", "nodes", "") {
            return Ok(());
        }
        let Some(node) = request.object.as_mut() else { return Ok(()) };
        let taint = json!({ "key": KEY, "effect": EFFECT });
        match node.section_mut("spec").entry("taints").or_insert(Value::Null) {
            Value::Array(list) if list.iter().any(|held| held["key"] == KEY && held["effect"] == EFFECT) => {}
            Value::Array(list) => list.push(taint),
            other => *other = json!([taint]),
        }
        Ok(())
    }
}
