//! `metadata.managedFields`: who owns which fields, read from and written to its entries.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::field_set::FieldSet;
use crate::goprint::quote;

/// How a manager wrote: by server-side apply, or by any other verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Apply,
    Update,
}

/// What tells one manager from another. An applier is the same in every version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManagerId {
    pub name: String,
    pub operation: Operation,
    /// Empty for [`Operation::Apply`].
    pub api_version: String,
    pub subresource: String,
}

impl ManagerId {
    pub(super) fn new(name: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        let api_version = if operation == Operation::Apply { "" } else { api_version };
        Self {
            name: if name.is_empty() { "unknown" } else { name }.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }

    /// As conflicts name it: `"kubectl" with subresource "status" using apps/v1`.
    pub(super) fn describe(&self) -> String {
        let mut text = quote(&self.name);
        if !self.subresource.is_empty() {
            text = format!("{text} with subresource {}", quote(&self.subresource));
        }
        match self.operation {
            Operation::Apply => text,
            Operation::Update => format!("{text} using {}", self.api_version),
        }
    }
}

/// The fields one manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub fields: FieldSet,
    /// The version whose paths `fields` has.
    pub api_version: String,
    /// When the manager last changed a field, RFC 3339 in whole seconds.
    pub time: Option<String>,
}

/// All managers of an object.
pub type Managed = BTreeMap<ManagerId, Owned>;

/// The managers of an object's `metadata.managedFields`. The error says what is wrong.
pub fn decode(object: &Value) -> Result<Managed, String> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().enumerate().map(|(index, entry)| decode_entry(index, entry)).collect()
}

fn decode_entry(index: usize, entry: &Value) -> Result<(ManagerId, Owned), String> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    let api_version = text("apiVersion");
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
        other => return Err(format!("invalid fieldsType {} in managed fields entry {index}", quote(other))),
    }
    let fields = entry.get("fieldsV1").unwrap_or(&Value::Null);
    let fields = FieldSet::from_fields_v1(fields).map_err(|e| format!("error decoding set: {e}"))?;
    let mut id = ManagerId::new("-", operation, api_version, text("subresource"));
    text("manager").clone_into(&mut id.name);
    let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
    Ok((id, Owned { fields, api_version: api_version.to_owned(), time }))
}

/// Writes the managers into `metadata.managedFields`, in upstream's order.
pub fn encode(object: &mut Value, managed: &Managed) {
    let mut entries: Vec<(&ManagerId, &Owned)> = managed.iter().collect();
    entries.sort_by(|(a, x), (b, y)| {
        (a.operation, &x.time, &a.name, &x.api_version, &a.subresource).cmp(&(
            b.operation,
            &y.time,
            &b.name,
            &y.api_version,
            &b.subresource,
        ))
    });
    let entries: Vec<Value> = entries.into_iter().map(|(id, owned)| encode_entry(id, owned)).collect();
    set_entries(object, entries);
}

fn encode_entry(id: &ManagerId, owned: &Owned) -> Value {
    let operation = match id.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let mut entry = json!({
        "operation": operation,
        "apiVersion": owned.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned.fields.to_fields_v1(),
    });
    let optional =
        [("manager", Some(&id.name)), ("subresource", Some(&id.subresource)), ("time", owned.time.as_ref())];
    for (name, value) in optional {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            entry[name] = Value::from(value.as_str());
        }
    }
    entry
}

fn set_entries(object: &mut Value, entries: Vec<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    if entries.is_empty() {
        clear(object);
        return;
    }
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

/// Takes `metadata.managedFields` out of an object.
pub fn clear(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove("managedFields")
}

/// Whether a request asks to forget all managers: an empty list, or one empty entry.
pub(super) fn is_reset(object: &Value) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.is_some_and(|entries| match &entries[..] {
        [] => true,
        [one] => one.as_object().is_some_and(Map::is_empty),
        _ => false,
    })
}

/// Puts the old times back if times are all that differs between two versions of an object,
/// so that a write without effect changes nothing.
pub fn keep_times(old: &Value, new: &mut Value) {
    let entries = |object: &Value| {
        object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let (old_entries, new_entries) = (entries(old), entries(new));
    if new_entries.is_empty() || without_times(&old_entries) != without_times(&new_entries) {
        return;
    }
    let mut candidate = new.clone();
    set_entries(&mut candidate, old_entries);
    if candidate == *old {
        *new = candidate;
    }
}

fn without_times(entries: &[Value]) -> Vec<Value> {
    let mut entries = entries.to_vec();
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.remove("time");
    }
    entries
}
