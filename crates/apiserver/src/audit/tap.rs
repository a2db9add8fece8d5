//! The bodies of requests, for policies that want them logged.

use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::{protobuf, yaml};
use parking_lot::Mutex;
use serde_json::Value;
use serde_json::value::RawValue;

/// Travels with a request; whoever reads the body leaves a copy in it.
#[derive(Clone, Debug, Default)]
pub struct Tap(Arc<Mutex<Bytes>>);

impl Tap {
    pub fn put(&self, body: &Bytes) {
        *self.0.lock() = body.clone();
    }

    pub fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock())
    }
}

/// A body as it stands in the log: JSON as it is, YAML and protobuf as JSON, and nothing of anything else.
pub fn object_of(body: &[u8], omit_managed_fields: bool) -> Option<Box<RawValue>> {
    if body.is_empty() {
        return None;
    }
    let raw = serde_json::from_slice::<Box<RawValue>>(body).ok();
    if !omit_managed_fields && raw.is_some() {
        return raw;
    }
    let value = match raw {
        Some(raw) => serde_json::from_str(raw.get()).ok(),
        None => match protobuf::decode(body, None) {
            Ok(object) => Some(object.into_value()),
            Err(_) => yaml::decode(body).ok().map(|decoded| decoded.value).filter(Value::is_object),
        },
    };
    let mut value: Value = value?;
    if omit_managed_fields {
        let items = value.get_mut("items").and_then(Value::as_array_mut);
        items.into_iter().flatten().for_each(forget_managers);
        forget_managers(&mut value);
    }
    serde_json::value::to_raw_value(&value).ok()
}

fn forget_managers(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_logged_as_json() {
        let check = |body: &str, omit: bool, want: Option<&str>| {
            let got = object_of(body.as_bytes(), omit);
            assert_eq!(got.as_deref().map(RawValue::get), want, "{body}");
        };
        let managed = r#"{"metadata":{"managedFields":[],"name":"a"}}"#;
        check(managed, false, Some(managed));
        check(managed, true, Some(r#"{"metadata":{"name":"a"}}"#));
        check(r#"[{"op":"remove"}]"#, true, Some(r#"[{"op":"remove"}]"#));
        check("metadata:\n  name: a\n", false, Some(r#"{"metadata":{"name":"a"}}"#));
        check("k8s\0\u{1}", false, None);
        check("", false, None);
    }
}
