//! Reads an entry's metadata and selectable fields out of its bytes without building a
//! tree: this is what a start with thousands of objects spends its time on.

use std::collections::BTreeMap;
use std::fmt;

use ironclad_api::entry::{EntryMeta, FieldReader};
use ironclad_api::ties::{OwnerHead, Ties};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::strategy::SelectableField;

/// A kind's selectable fields, prepared for reading.
pub struct FieldScan {
    fields: Vec<SelectableField>,
    /// The paths of all sources as one tree; leaves number the slots.
    wanted: Wanted,
    slots: usize,
}

#[derive(Default)]
struct Wanted {
    /// One for each field that reads this path.
    slots: Vec<usize>,
    below: Vec<(String, Wanted)>,
}

impl Wanted {
    fn add(&mut self, path: &str, slot: usize) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let at = self.below.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
            self.below.push((first.to_owned(), Self::default()));
            self.below.len() - 1
        });
        let child = &mut self.below[at].1;
        match rest {
            Some(rest) => child.add(rest, slot),
            None => child.slots.push(slot),
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.below.iter().find(|(known, _)| known == name).map(|(_, child)| child)
    }
}

impl FieldScan {
    pub fn new(fields: &[SelectableField]) -> Self {
        let mut wanted = Wanted::default();
        let sources = fields.iter().flat_map(|field| &field.sources);
        let slots = sources.enumerate().map(|(slot, path)| wanted.add(path, slot)).count();
        Self { fields: fields.to_vec(), wanted, slots }
    }

    pub fn fields(&self) -> &[SelectableField] {
        &self.fields
    }
}

impl FieldReader for FieldScan {
    fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    fn read(&self, json: &[u8]) -> Box<[Box<str>]> {
        let mut slots = vec![None; self.slots];
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let pick = Pick { wanted: &self.wanted, slots: &mut slots };
        // Stored bytes are JSON; should they not be, the fields are absent.
        let _ = pick.deserialize(&mut deserializer);
        let mut slots = slots.iter();
        let texts = self.fields.iter().map(|field| {
            let mut sources =
                slots.by_ref().take(field.sources.len()).flatten().filter(|text| !text.is_empty());
            let text: Box<str> = sources.next().map_or(field.absent, String::as_str).into();
            sources.for_each(drop);
            text
        });
        texts.collect()
    }
}

/// Reads what is kept beside an entry's bytes. It stops as soon as it has that, which is long
/// before the end: `managedFields` comes last in the metadata, and the metadata before the rest.
pub fn meta(json: &[u8]) -> Result<EntryMeta, serde_json::Error> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let outcome = deserializer.deserialize_map(Root(&mut found));
    match found {
        // The outcome is an error that the bytes go on.
        Some(meta) if !meta.key.name.is_empty() => Ok(meta),
        _ => Err(outcome.err().unwrap_or_else(|| serde_json::Error::missing_field("metadata.name"))),
    }
}

struct Root<'a>(&'a mut Option<EntryMeta>);

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key(&["metadata"]))? {
            if key == 0 {
                return map.next_value_seed(Meta(self.0));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A member's place in a list of names; one past the end for others.
struct Key(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<usize, E> {
        Ok(self.0.iter().position(|known| *known == name).unwrap_or(self.0.len()))
    }
}

/// Reads name, namespace, uid, labels and ties.
struct Meta<'a>(&'a mut Option<EntryMeta>);

impl<'de> DeserializeSeed<'de> for Meta<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Meta<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object's metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let meta = self.0.insert(EntryMeta::default());
        let names = &[
            "name",
            "namespace",
            "uid",
            "labels",
            "managedFields",
            "ownerReferences",
            "deletionTimestamp",
            "finalizers",
        ];
        let mut ties = Ties::default();
        while let Some(key) = map.next_key_seed(Key(names))? {
            match key {
                0 => meta.key.name = map.next_value()?,
                1 => meta.key.namespace = map.next_value()?,
                2 => meta.uid = map.next_value()?,
                3 => meta.labels = map.next_value::<Option<BTreeMap<String, String>>>()?.unwrap_or_default(),
                4 if !meta.key.name.is_empty() => break,
                5 => ties.own(map.next_value::<Option<Vec<OwnerHead>>>()?.unwrap_or_default()),
                6 => ties.deleting = map.next_value::<Option<IgnoredAny>>()?.is_some(),
                7 => ties.hold(&map.next_value::<Option<Vec<Box<str>>>>()?.unwrap_or_default()),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        meta.ties = ties.into();
        Ok(())
    }
}

// === selectable fields ===

struct PathKey<'a>(&'a Wanted);

impl<'de, 'a> DeserializeSeed<'de> for PathKey<'a> {
    type Value = Option<&'a Wanted>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'a> Visitor<'_> for PathKey<'a> {
    type Value = Option<&'a Wanted>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<&'a Wanted>, E> {
        Ok(self.0.child(name))
    }
}

/// Picks the wanted values out of one value of any type.
struct Pick<'a> {
    wanted: &'a Wanted,
    slots: &'a mut Vec<Option<String>>,
}

impl Pick<'_> {
    fn keep(self, text: impl FnOnce() -> String) {
        if self.wanted.slots.is_empty() {
            return;
        }
        let text = text();
        for slot in &self.wanted.slots {
            if let Some(slot) = self.slots.get_mut(*slot) {
                *slot = Some(text.clone());
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(PathKey(self.wanted))? {
            match key {
                Some(wanted) => map.next_value_seed(Pick { wanted, slots: self.slots })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.keep(|| text.to_owned());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(|| value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(|| value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.keep(|| value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(|| value.to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_api::ObjectKey;

    const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{
        "labels":{"app":"x"},"name":"p","namespace":"ns","uid":"u-1","managedFields":[{"fieldsV1":{"f:a":{}}}]},
        "spec":{"nodeName":"n1","hostNetwork":true,"containers":[{"nodeName":"no"}]},"status":{"phase":""}}"#;

    #[test]
    fn metadata_is_read_without_the_rest() {
        let check = |json: &str| {
            let meta = meta(json.as_bytes()).expect("scans");
            assert_eq!((meta.key, meta.uid.as_str()), (ObjectKey::new("ns", "p"), "u-1"));
            assert_eq!(meta.labels.get("app").map(String::as_str), Some("x"));
        };
        check(POD);
        check(
            r#"{"metadata":{"managedFields":[],"labels":{"app":"x"},"name":"p","namespace":"ns","uid":"u-1"}}"#,
        );
        check(r#"{"a":[1],"metadata":{"labels":{"app":"x"},"name":"p","namespace":"ns","uid":"u-1"}}"#);
    }

    #[test]
    fn selectable_fields_are_read_by_path() {
        let check = |field: SelectableField, want: &str| {
            let name = field.name.clone();
            let scan = FieldScan::new(&[SelectableField::at("spec.other"), field]);
            let texts = scan.read(POD.as_bytes());
            let text = |name: &str| scan.position(name).and_then(|at| texts.get(at)).map(|text| &**text);
            assert_eq!(
                (text(&name), text("spec.other"), text("spec")),
                (Some(want), Some(""), None),
                "{name}"
            );
        };
        check(SelectableField::at("spec.nodeName"), "n1");
        check(SelectableField::at("spec.hostNetwork"), "true");
        check(SelectableField::at("spec.unschedulable").or("false"), "false");
        check(SelectableField::at("status.phase").or("Pending"), "Pending");
        check(SelectableField::from("source", ["status.phase", "spec.nodeName"]), "n1");
        check(SelectableField::at("spec.containers"), "");
        check(SelectableField::at("metadata.uid"), "u-1");
    }

    #[test]
    fn fields_may_read_the_same_path() {
        let fields = [
            SelectableField::at("spec.nodeName"),
            SelectableField::from("source", ["status.phase", "spec.nodeName"]),
        ];
        let texts = FieldScan::new(&fields).read(POD.as_bytes());
        assert_eq!(texts.iter().map(|text| &**text).collect::<Vec<_>>(), ["n1", "n1"]);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        let check = |json: &str| assert!(meta(json.as_bytes()).is_err(), "{json}");
        check("");
        check("[]");
        check(r#"{"kind":"A"}"#);
        check(r#"{"metadata":[]}"#);
        check(r#"{"metadata":{"name":1}}"#);
        check(r#"{"metadata":{"uid":"x"}}"#);
    }
}
