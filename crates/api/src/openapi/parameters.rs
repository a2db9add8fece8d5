//! Query and path parameters of operations.

use serde_json::{Value, json};

use super::Dialect;

/// A query parameter: its name, type and meaning.
pub(super) type Parameter = (&'static str, &'static str, &'static str);

/// Parameters of one sort, and those of another beside them.
pub(super) type Parameters = [&'static [Parameter]; 2];

pub(super) const PRETTY: Parameter = ("pretty", "string", "If 'true', then the output is pretty printed.");

const DRY_RUN: Parameter = (
    "dryRun",
    "string",
    "When present, indicates that modifications should not be persisted. Valid values are: - All: all dry run stages will be processed",
);
const FIELD_MANAGER: Parameter = (
    "fieldManager",
    "string",
    "A name associated with the actor that is making these changes, at most 128 printable characters. Required for apply.",
);
const FIELD_VALIDATION: Parameter = (
    "fieldValidation",
    "string",
    "How to handle unknown or duplicate fields in the request. Valid values are: Ignore, Warn (the default), Strict.",
);
const FORCE: Parameter =
    ("force", "boolean", "Re-acquire conflicting fields owned by others. Only for apply requests.");

/// Parameters of create and replace.
pub(super) const WRITE: &[Parameter] = &[DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
/// Parameters of patch.
pub(super) const PATCH: &[Parameter] = &[DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION, FORCE];

/// Parameters of delete.
pub(super) const DELETE: &[Parameter] = &[
    DRY_RUN,
    ("gracePeriodSeconds", "integer", "The seconds before the object is deleted. Zero deletes immediately."),
    (
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        "boolean",
        "Removes an object that cannot be read, without finalizers and preconditions. Use with care.",
    ),
    (
        "orphanDependents",
        "boolean",
        "Deprecated: use propagationPolicy. Whether dependent objects are orphaned.",
    ),
    (
        "propagationPolicy",
        "string",
        "How dependents are deleted. Valid values are: Orphan, Background, Foreground.",
    ),
];

/// Parameters of watch alone.
pub(super) const WATCH: &[Parameter] = &[
    ("allowWatchBookmarks", "boolean", "Requests watch events of type BOOKMARK."),
    ("watch", "boolean", "Streams changes to the described resources instead of listing them."),
];

/// Parameters that choose objects.
pub(super) const SELECT: &[Parameter] = &[
    ("continue", "string", "The token of a previous result, to retrieve the next part of the list."),
    ("fieldSelector", "string", "Restricts the returned objects by their fields. Defaults to everything."),
    ("labelSelector", "string", "Restricts the returned objects by their labels. Defaults to everything."),
    ("limit", "integer", "The maximum number of objects to return."),
    ("resourceVersion", "string", "Constrains which resource versions a request may be served from."),
    (
        "resourceVersionMatch",
        "string",
        "How resourceVersion applies to list calls. Valid values are: Exact, NotOlderThan.",
    ),
    (
        "sendInitialEvents",
        "boolean",
        "Sends the current objects, then a bookmark, then changes. Only for watch.",
    ),
    ("timeoutSeconds", "integer", "Ends the call after this time, whatever its activity."),
];

pub(super) fn query<'a>(dialect: Dialect, parameters: impl IntoIterator<Item = &'a Parameter>) -> Vec<Value> {
    parameters
        .into_iter()
        .map(|(name, kind, description)| {
            let mut parameter = json!({ "name": name, "in": "query", "description": description });
            typed(dialect, &mut parameter, kind);
            parameter
        })
        .collect()
}

/// The parameters that stand in braces in a path.
pub(super) fn of_path(dialect: Dialect, path: &str, kind: &str) -> Vec<Value> {
    let known = [
        ("{name}", "name", format!("name of the {kind}")),
        ("{namespace}", "namespace", "object name and auth scope, such as for teams and projects".to_owned()),
        ("{path}", "path", "path to the resource".to_owned()),
    ];
    let present = known.into_iter().filter(|(braces, ..)| path.contains(braces));
    let mut parameters: Vec<Value> = present
        .map(|(_, name, description)| {
            let mut parameter =
                json!({ "name": name, "in": "path", "required": true, "description": description });
            typed(dialect, &mut parameter, "string");
            parameter
        })
        .collect();
    parameters.extend(query(dialect, &[PRETTY]));
    parameters
}

fn typed(dialect: Dialect, parameter: &mut Value, kind: &str) {
    match dialect {
        Dialect::V2 => {
            parameter["type"] = Value::from(kind);
            parameter["uniqueItems"] = Value::Bool(true);
        }
        Dialect::V3 => parameter["schema"] = json!({ "type": kind, "uniqueItems": true }),
    }
}
