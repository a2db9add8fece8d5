//! DefaultTolerationSeconds: pods stay five minutes on a node that is not ready or
//! cannot be reached, unless they say otherwise.

use ironclad_api::Status;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use serde_json::{Value, json};

use super::is_about;
use crate::{Cluster, Plugin};

const SECONDS: i64 = 300;
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

pub(super) struct DefaultTolerationSeconds;

impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, _: &Cluster<'_>) -> Result<(), Status> {
        let writes = matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update);
        if !writes || !is_about(request, "", "pods", "") {
            return Ok(());
        }
        let Some(pod) = request.object.as_mut() else { return Ok(()) };
        let tolerations = pod.section_mut("spec").entry("tolerations").or_insert(Value::Null);
        for taint in TAINTS {
            let list = tolerations.as_array();
            let tolerated = list.into_iter().flatten().any(|toleration| tolerates(toleration, taint));
            if !tolerated {
                add(tolerations, taint);
            }
        }
        Ok(())
    }
}

fn tolerates(toleration: &Value, taint: &str) -> bool {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default();
    ["", taint].contains(&text("key")) && ["", "NoExecute"].contains(&text("effect"))
}

fn add(tolerations: &mut Value, taint: &str) {
    let toleration =
        json!({ "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS });
    match tolerations {
        Value::Array(list) => list.push(toleration),
        other => *other = json!([toleration]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toleration_of_everything_or_of_the_taint_counts() {
        for (toleration, expected) in [
            (json!({"operator": "Exists"}), true),
            (json!({"key": TAINTS[0]}), true),
            (json!({"key": TAINTS[0], "effect": "NoExecute"}), true),
            (json!({"key": TAINTS[0], "effect": "NoSchedule"}), false),
            (json!({"key": "other"}), false),
        ] {
            assert_eq!(tolerates(&toleration, TAINTS[0]), expected, "{toleration}");
        }
    }
}
