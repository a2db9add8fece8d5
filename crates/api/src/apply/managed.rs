//! `metadata.managedFields`: who owns which fields, read from and written to its entries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

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
#[derive(Clone, Debug)]
pub struct Owned {
    pub fields: Fields,
    /// The version whose paths `fields` has.
    pub api_version: String,
    /// When the manager last changed a field, RFC 3339 in whole seconds.
    pub time: Option<String>,
}

/// A set of fields, left as `fieldsV1` until a write touches it. Most writes touch those of
/// one or two managers.
#[derive(Clone, Debug)]
pub enum Fields {
    Raw(Value),
    Set(FieldSet),
}

impl Fields {
    /// The set. What cannot be read is empty.
    pub fn set(&self) -> Cow<'_, FieldSet> {
        match self {
            Self::Raw(fields) => Cow::Owned(FieldSet::from_fields_v1(fields).unwrap_or_default()),
            Self::Set(set) => Cow::Borrowed(set),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Raw(fields) => fields.as_object().is_none_or(Map::is_empty),
            Self::Set(set) => set.is_empty(),
        }
    }

    pub(super) fn contain(&self, set: &FieldSet) -> bool {
        match self {
            Self::Raw(fields) => set.is_within_fields_v1(fields),
            Self::Set(all) => set.difference(all).is_empty(),
        }
    }

    /// Takes out what is in `taken`.
    pub(super) fn subtract(&mut self, taken: &FieldSet) {
        let touched = match self {
            Self::Raw(fields) => taken.meets_fields_v1(fields),
            Self::Set(_) => !taken.is_empty(),
        };
        if touched {
            let mut set = self.set().into_owned();
            set.subtract(taken);
            *self = Self::Set(set);
        }
    }
}

impl From<FieldSet> for Fields {
    fn from(set: FieldSet) -> Self {
        Self::Set(set)
    }
}

/// All managers of an object.
pub type Managed = BTreeMap<ManagerId, Owned>;

/// The managers of an object's `metadata.managedFields`. The error says what is wrong.
pub fn decode(object: &Value) -> Result<Managed, String> {
    decode_strict(entries(object).to_vec())
}

/// The managers that a client sent.
pub(super) fn decode_strict(entries: Vec<Value>) -> Result<Managed, String> {
    let mut managed = decode_stored(entries)?;
    for owned in managed.values_mut() {
        if let Fields::Raw(fields) = &owned.fields {
            // Kept as it was read: sets that stay raw are looked into by the text of their keys.
            let set = FieldSet::from_fields_v1(fields).map_err(|e| format!("error decoding set: {e}"))?;
            owned.fields = set.into();
        }
    }
    Ok(managed)
}

/// The managers that this server wrote: their sets are taken to be well-formed.
pub(super) fn decode_stored(entries: Vec<Value>) -> Result<Managed, String> {
    entries.into_iter().enumerate().map(|(index, entry)| decode_entry(index, entry)).collect()
}

fn decode_entry(index: usize, mut entry: Value) -> Result<(ManagerId, Owned), String> {
    let fields = entry.get_mut("fieldsV1").map(Value::take).unwrap_or_default();
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
    let mut id = ManagerId::new("-", operation, api_version, text("subresource"));
    text("manager").clone_into(&mut id.name);
    let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
    Ok((id, Owned { fields: Fields::Raw(fields), api_version: api_version.to_owned(), time }))
}

/// Writes the managers into `metadata.managedFields`, in upstream's order.
pub fn encode(object: &mut Value, managed: Managed) {
    let mut entries: Vec<(ManagerId, Owned)> = managed.into_iter().collect();
    entries.sort_by(|(a, x), (b, y)| {
        (a.operation, &x.time, &a.name, &x.api_version, &a.subresource).cmp(&(
            b.operation,
            &y.time,
            &b.name,
            &y.api_version,
            &b.subresource,
        ))
    });
    set_entries(object, entries.into_iter().map(|(id, owned)| encode_entry(id, owned)).collect());
}

fn encode_entry(id: ManagerId, owned: Owned) -> Value {
    let operation = match id.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let words = [
        ("operation", operation.to_owned()),
        ("apiVersion", owned.api_version),
        ("fieldsType", "FieldsV1".to_owned()),
        ("manager", id.name),
        ("subresource", id.subresource),
        ("time", owned.time.unwrap_or_default()),
    ];
    let words = words.into_iter().filter(|(_, word)| !word.is_empty());
    let mut entry: Map<String, Value> = words.map(|(name, word)| (name.to_owned(), word.into())).collect();
    let fields = match owned.fields {
        Fields::Raw(fields) => fields,
        Fields::Set(set) => set.to_fields_v1(),
    };
    entry.insert("fieldsV1".to_owned(), fields);
    Value::Object(entry)
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
pub(super) fn is_reset(entries: &[Value]) -> bool {
    match entries {
        [] => true,
        [one] => one.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

/// Puts the old times back if times are all that differs between two versions of an object,
/// so that a write without effect changes nothing.
pub fn keep_times(old: &Value, new: &mut Value) {
    let (old_entries, new_entries) = (entries(old), entries(new));
    let same_but_for_times = old_entries.len() == new_entries.len()
        && old_entries != new_entries
        && old_entries.iter().zip(new_entries).all(|(old, new)| without_time(old) == without_time(new));
    if !same_but_for_times {
        return;
    }
    let mut candidate = new.clone();
    set_entries(&mut candidate, old_entries.to_vec());
    if candidate == *old {
        *new = candidate;
    }
}

fn without_time(entry: &Value) -> Vec<(&String, &Value)> {
    entry.as_object().into_iter().flatten().filter(|(name, _)| *name != "time").collect()
}

/// The entries of `metadata.managedFields`; none if it is absent.
pub(super) fn entries(object: &Value) -> &[Value] {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.map_or(&[], Vec::as_slice)
}
