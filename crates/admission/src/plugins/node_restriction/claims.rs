//! Volume claims: an agent that has grown a volume says so, and nothing else.

use ironclad_api::{Object, Status};
use ironclad_engine::gate::AdmissionOperation;

use super::Asked;

/// What it may say.
const OWN: [&str; 4] = ["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"];

pub(super) fn check(asked: &Asked<'_>) -> Result<(), Status> {
    let request = asked.request;
    if request.target.subresource != "status" {
        return Err(asked.refused("may only update PVC status"));
    }
    if request.operation != AdmissionOperation::Update {
        return Err(asked.refused(format!("unexpected operation \"{}\"", request.operation.as_str())));
    }
    let (Some(old), Some(new)) = (request.old, asked.object()) else { return Ok(()) };
    asked.demand(rest(old) == rest(new), || {
        let node = asked.node;
        format!(
            "node \"{node}\" is not allowed to update fields other than status.quantity and status.conditions"
        )
    })
}

/// The claim without what is the agent's to say, and without what changes with any write.
fn rest(claim: &Object) -> Object {
    let mut rest = claim.clone();
    for field in ["resourceVersion", "managedFields"] {
        rest.remove_meta(field);
    }
    let status = rest.section_mut("status");
    status.retain(|field, _| !OWN.contains(&field.as_str()));
    rest
}
