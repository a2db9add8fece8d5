//! Why a configuration was not applied, in upstream's words.

use std::collections::BTreeMap;

use super::managed::ManagerId;
use super::path::{PathElement, display};
use crate::status::{Cause, Status};

/// A field that the configuration changes and another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub manager: ManagerId,
    pub path: Vec<PathElement>,
}

/// A configuration that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The configuration is not one for this object: 400.
    #[error("{0}")]
    BadRequest(String),
    /// Others own fields it changes, and it was not forced: 409.
    #[error("{}", message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration does not fit the schema: 500, as upstream.
    #[error("{0}")]
    Failed(String),
    /// A form of an object is not known yet ([`super::Versions::form`]).
    #[error("an object was not converted to the version of a manager")]
    Unconverted,
}

impl From<ApplyError> for Status {
    fn from(error: ApplyError) -> Status {
        let text = error.to_string();
        match error {
            ApplyError::BadRequest(_) => Status::bad_request(text),
            ApplyError::Conflicts(conflicts) => Status::apply_conflict(text, causes(&conflicts)),
            ApplyError::Failed(_) => Status::unclassified(text),
            ApplyError::Unconverted => Status::internal_error(text),
        }
    }
}

fn causes(conflicts: &[Conflict]) -> Vec<Cause> {
    let cause = |conflict: &Conflict| Cause {
        reason: "FieldManagerConflict".to_owned(),
        message: format!("conflict with {}", conflict.manager.describe()),
        field: display(&conflict.path),
    };
    conflicts.iter().map(cause).collect()
}

fn message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        let (manager, path) = (one.manager.describe(), display(&one.path));
        return format!("Apply failed with 1 conflict: conflict with {manager}: {path}");
    }
    let mut by_manager: BTreeMap<&ManagerId, Vec<String>> = BTreeMap::new();
    for conflict in conflicts {
        by_manager.entry(&conflict.manager).or_default().push(format!("- {}", display(&conflict.path)));
    }
    let managers = by_manager
        .into_iter()
        .map(|(manager, paths)| format!("conflicts with {}:\n{}", manager.describe(), paths.join("\n")));
    format!("Apply failed with {} conflicts: {}", conflicts.len(), managers.collect::<Vec<_>>().join("\n"))
}
