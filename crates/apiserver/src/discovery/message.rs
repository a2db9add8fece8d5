//! The aggregated document in protobuf: texts and messages of them. A text that is not repeated is written even where
//! it is empty, as Kubernetes' messages have it.
//! Source: `k8s.io/api/apidiscovery/v2/generated.proto`.

use ironclad_api::protobuf;
use serde_json::Value;

/// A field: its name in JSON, its number and what it holds.
struct Field(&'static str, u8, Shape);

enum Shape {
    Text,
    Texts,
    /// One or several; nothing where there is none.
    Messages(&'static [Field]),
    /// Always there. What discovery has no use for stands behind its fields as it is when it is empty.
    Metadata(&'static [Field], &'static [u8]),
}

const KIND: &[Field] =
    &[Field("group", 1, Shape::Text), Field("version", 2, Shape::Text), Field("kind", 3, Shape::Text)];

const SUBRESOURCE: &[Field] = &[
    Field("subresource", 1, Shape::Text),
    Field("responseKind", 2, Shape::Messages(KIND)),
    Field("acceptedTypes", 3, Shape::Messages(KIND)),
    Field("verbs", 4, Shape::Texts),
];

const RESOURCE: &[Field] = &[
    Field("resource", 1, Shape::Text),
    Field("responseKind", 2, Shape::Messages(KIND)),
    Field("scope", 3, Shape::Text),
    Field("singularResource", 4, Shape::Text),
    Field("verbs", 5, Shape::Texts),
    Field("shortNames", 6, Shape::Texts),
    Field("categories", 7, Shape::Texts),
    Field("subresources", 8, Shape::Messages(SUBRESOURCE)),
];

const VERSION: &[Field] = &[
    Field("version", 1, Shape::Text),
    Field("resources", 2, Shape::Messages(RESOURCE)),
    Field("freshness", 3, Shape::Text),
];

/// Of an object: generateName, namespace, selfLink, uid, resourceVersion, generation, creationTimestamp.
const OBJECT: &[u8] = &[0x12, 0, 0x1a, 0, 0x22, 0, 0x2a, 0, 0x32, 0, 0x38, 0, 0x42, 0];
/// Of a list: selfLink, resourceVersion, continue.
const LIST_META: &[u8] = &[0x0a, 0, 0x12, 0, 0x1a, 0];

const GROUP: &[Field] = &[
    Field("metadata", 1, Shape::Metadata(&[Field("name", 1, Shape::Text)], OBJECT)),
    Field("versions", 2, Shape::Messages(VERSION)),
];

const LIST: &[Field] =
    &[Field("metadata", 1, Shape::Metadata(&[], LIST_META)), Field("items", 2, Shape::Messages(GROUP))];

/// An `APIGroupDiscoveryList` with its envelope.
pub fn encode(list: &Value) -> Vec<u8> {
    protobuf::envelope("apidiscovery.k8s.io/v2", "APIGroupDiscoveryList", &message(list, LIST))
}

fn message(value: &Value, fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for Field(name, number, shape) in fields {
        let found = value.get(name).unwrap_or(&Value::Null);
        let several = match found {
            Value::Array(items) => items.as_slice(),
            Value::Null => &[],
            one => std::slice::from_ref(one),
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
        let written: Vec<Vec<u8>> = match shape {
            Shape::Text => vec![text(found)],
            Shape::Texts => several.iter().map(text).collect(),
            Shape::Messages(fields) => several.iter().map(|value| message(value, fields)).collect(),
            Shape::Metadata(fields, rest) => vec![[&message(found, fields)[..], rest].concat()],
        };
        for bytes in written {
            // All of them are delimited by their length.
            out.push(number << 3 | 2);
            push_varint(bytes.len(), &mut out);
            out.extend(bytes);
        }
    }
    out
}

fn push_varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// By the rules of the wire format, written out by hand.
    #[test]
    fn texts_and_messages_are_written_by_their_numbers() {
        let check = |value: Value, fields: &[Field], want: &[u8]| {
            assert_eq!(message(&value, fields), want, "{value}");
        };
        let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
        check(kind.clone(), KIND, b"\x0a\x00\x12\x02v1\x1a\x03Pod");
        let sub = json!({"subresource": "log", "responseKind": kind, "verbs": ["get", "list"]});
        check(sub, SUBRESOURCE, b"\x0a\x03log\x12\x0b\x0a\x00\x12\x02v1\x1a\x03Pod\x22\x03get\x22\x04list");
        let group = [&b"\x0a\x14\x0a\x04apps"[..], OBJECT].concat();
        check(json!({"metadata": {"name": "apps"}}), GROUP, &group);
        check(json!({"metadata": {}, "items": []}), LIST, b"\x0a\x06\x0a\x00\x12\x00\x1a\x00");
        let long = json!({"version": "x".repeat(200), "freshness": "Current"});
        let want = [&b"\x0a\xc8\x01"[..], &[b'x'; 200], b"\x1a\x07Current"].concat();
        check(long, VERSION, &want);
    }
}
