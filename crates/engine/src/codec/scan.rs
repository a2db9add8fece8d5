//! Reads an entry's metadata and selectable fields out of its bytes without building a
//! tree: this is what a start with thousands of objects spends its time on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_api::entry::{EntryMeta, Fields};
use ironclad_api::gvk::Name;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::strategy::SelectableField;

/// A kind's selectable fields, prepared for scanning.
pub struct FieldScan {
    names: Arc<[Name]>,
    fields: Vec<SelectableField>,
    /// The paths of all sources as one tree; leaves number the slots.
    wanted: Wanted,
    slots: usize,
}

#[derive(Default)]
struct Wanted {
    slot: Option<usize>,
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
            None => child.slot = Some(slot),
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
        let names = fields.iter().map(|field| field.name.clone()).collect();
        Self { names, fields: fields.to_vec(), wanted, slots }
    }

    pub fn fields(&self) -> &[SelectableField] {
        &self.fields
    }

    /// Scans stored or served bytes.
    pub fn scan(&self, json: &[u8]) -> Result<EntryMeta, serde_json::Error> {
        let mut found = Found { meta: None, slots: vec![None; self.slots] };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let outcome = deserializer.deserialize_map(Root { scan: self, found: &mut found });
        match found.meta {
            // Without selectable fields the scan stops after the metadata, in the middle of the bytes.
            Some(meta) if self.slots == 0 || outcome.is_ok() => Ok(self.finish(meta, &found.slots)),
            _ => Err(outcome.err().unwrap_or_else(|| serde_json::Error::missing_field("metadata"))),
        }
    }

    fn finish(&self, mut meta: EntryMeta, slots: &[Option<String>]) -> EntryMeta {
        let mut slots = slots.iter();
        let values = self.fields.iter().map(|field| {
            let mut sources =
                slots.by_ref().take(field.sources.len()).flatten().filter(|text| !text.is_empty());
            let text: Box<str> = sources.next().map_or(field.absent, String::as_str).into();
            sources.for_each(drop);
            text
        });
        meta.fields = Fields { values: values.collect(), names: self.names.clone() };
        meta
    }
}

struct Found {
    meta: Option<EntryMeta>,
    slots: Vec<Option<String>>,
}

struct Root<'a> {
    scan: &'a FieldScan,
    found: &'a mut Found,
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(RootKey(&self.scan.wanted))? {
            match key {
                Key::Metadata => {
                    self.found.meta = Some(map.next_value_seed(Meta)?);
                    if self.scan.slots == 0 {
                        return Ok(());
                    }
                }
                Key::Wanted(wanted) => {
                    map.next_value_seed(Pick { wanted, slots: &mut self.found.slots })?;
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

enum Key<'a> {
    Metadata,
    Wanted(&'a Wanted),
    Other,
}

struct RootKey<'a>(&'a Wanted);

impl<'de, 'a> DeserializeSeed<'de> for RootKey<'a> {
    type Value = Key<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'a> Visitor<'_> for RootKey<'a> {
    type Value = Key<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key<'a>, E> {
        Ok(match name {
            "metadata" => Key::Metadata,
            name => self.0.child(name).map_or(Key::Other, Key::Wanted),
        })
    }
}

/// Picks the wanted values out of one value of any type.
struct Pick<'a> {
    wanted: &'a Wanted,
    slots: &'a mut Vec<Option<String>>,
}

impl Pick<'_> {
    fn keep(self, text: impl FnOnce() -> String) {
        if let Some(slot) = self.wanted.slot.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = Some(text());
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
        while let Some(key) = map.next_key_seed(RootKey(self.wanted))? {
            match key {
                Key::Wanted(wanted) => map.next_value_seed(Pick { wanted, slots: self.slots })?,
                Key::Metadata | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
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

/// Reads name, namespace, uid and labels.
struct Meta;

impl<'de> DeserializeSeed<'de> for Meta {
    type Value = EntryMeta;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<EntryMeta, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Meta {
    type Value = EntryMeta;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object's metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EntryMeta, A::Error> {
        let mut meta = EntryMeta { key: ObjectKey::default(), ..EntryMeta::default() };
        while let Some(key) = map.next_key_seed(MetaKey)? {
            match key {
                MetaField::Name => meta.key.name = map.next_value()?,
                MetaField::Namespace => meta.key.namespace = map.next_value()?,
                MetaField::Uid => meta.uid = map.next_value()?,
                MetaField::Labels => {
                    meta.labels = map.next_value::<Option<BTreeMap<String, String>>>()?.unwrap_or_default();
                }
                MetaField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(meta)
    }
}

enum MetaField {
    Name,
    Namespace,
    Uid,
    Labels,
    Other,
}

struct MetaKey;

impl<'de> DeserializeSeed<'de> for MetaKey {
    type Value = MetaField;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MetaField, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for MetaKey {
    type Value = MetaField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metadata field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<MetaField, E> {
        Ok(match name {
            "name" => MetaField::Name,
            "namespace" => MetaField::Namespace,
            "uid" => MetaField::Uid,
            "labels" => MetaField::Labels,
            _ => MetaField::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"managedFields":[{"fieldsV1":{"f:a":{}}}],
        "labels":{"app":"x"},"name":"p","namespace":"ns","uid":"u-1"},
        "spec":{"nodeName":"n1","hostNetwork":true,"containers":[{"nodeName":"no"}]},"status":{"phase":""}}"#;

    #[test]
    fn metadata_is_read_without_the_rest() {
        let meta = FieldScan::new(&[]).scan(POD.as_bytes()).expect("scans");
        assert_eq!(meta.key, ObjectKey::new("ns", "p"));
        assert_eq!(meta.uid, "u-1");
        assert_eq!(meta.labels.get("app").map(String::as_str), Some("x"));
    }

    #[test]
    fn selectable_fields_are_read_by_path() {
        let check = |field: SelectableField, want: &str| {
            let name = field.name.clone();
            let meta = FieldScan::new(&[SelectableField::at("spec.other"), field])
                .scan(POD.as_bytes())
                .expect("scans");
            assert_eq!(meta.fields.get(&name), Some(want), "{name}");
            assert_eq!(meta.fields.get("spec.other"), Some(""));
        };
        check(SelectableField::at("spec.nodeName"), "n1");
        check(SelectableField::at("spec.hostNetwork"), "true");
        check(SelectableField::at("spec.unschedulable").or("false"), "false");
        check(SelectableField::at("status.phase").or("Pending"), "Pending");
        check(SelectableField::from("source", ["status.phase", "spec.nodeName"]), "n1");
        check(SelectableField::at("spec.containers"), "");
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        let check = |json: &str| assert!(FieldScan::new(&[]).scan(json.as_bytes()).is_err(), "{json}");
        check("");
        check("[]");
        check(r#"{"kind":"A"}"#);
        check(r#"{"metadata":[]}"#);
        check(r#"{"metadata":{"name":1}}"#);
    }
}
