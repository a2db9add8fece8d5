//! Held against objects that Kubernetes itself wrote in both forms (`tests/data/wire`).

use serde_json::json;

use super::*;
use crate::gvk::GroupVersionKind;

macro_rules! fixture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../tests/data/wire/", $name, ".pb")).as_slice(),
            include_str!(concat!("../../tests/data/wire/", $name, ".json")),
        )
    };
}

const FIXTURES: [(&str, &[u8], &str); 11] = [
    fixture!("apps.v1.Deployment"),
    fixture!("authentication.k8s.io.v1.TokenRequest"),
    fixture!("authorization.k8s.io.v1.SubjectAccessReview"),
    fixture!("batch.v1.Job"),
    fixture!("core.v1.ConfigMap"),
    fixture!("core.v1.DeleteOptions"),
    fixture!("core.v1.Event"),
    fixture!("core.v1.Namespace"),
    fixture!("core.v1.Node"),
    fixture!("core.v1.Secret"),
    fixture!("core.v1.Service"),
];

#[test]
fn protobuf_and_json_are_the_same_object() {
    for (name, protobuf, json) in FIXTURES {
        let got = decode(protobuf, None).expect(name).into_value();
        let want: Value = serde_json::from_str(json).expect(name);
        if let Some(difference) = difference("", &got, &want) {
            panic!("{name}{difference}");
        }
    }
}

/// The first place where the trees differ, zero values aside.
fn difference(path: &str, got: &Value, want: &Value) -> Option<String> {
    match (got, want) {
        (Value::Object(g), Value::Object(w)) => {
            let names: std::collections::BTreeSet<&String> = g.keys().chain(w.keys()).collect();
            let null = Value::Null;
            let part = |name: &String| {
                let (g, w) = (g.get(name).unwrap_or(&null), w.get(name).unwrap_or(&null));
                difference(&format!("{path}.{name}"), g, w)
            };
            names.into_iter().find_map(part)
        }
        (Value::Array(g), Value::Array(w)) if g.len() == w.len() => {
            let part = |(at, (g, w)): (usize, (&Value, &Value))| difference(&format!("{path}[{at}]"), g, w);
            g.iter().zip(w).enumerate().find_map(part)
        }
        (Value::Null, Value::String(text)) if text.is_empty() => None,
        (g, w) if g == w => None,
        (g, w) => Some(format!("{path}: got {g}, want {w}")),
    }
}

#[test]
fn the_envelope_may_leave_the_kind_to_the_path() {
    let default = GroupVersionKind::new("", "v1", "ConfigMap");
    // An object with only the raw message: metadata.name, data.
    let raw = b"k8s\0\x12\x0d\x0a\x03\x0a\x01x\x12\x06\x0a\x01a\x12\x01b";
    let got = decode(raw, Some(&default)).expect("readable").into_value();
    assert_eq!(
        got,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}})
    );
}

#[test]
fn what_is_no_message_is_refused_and_never_a_panic() {
    let check = |bytes: &[u8], want: DecodeError| {
        let default = GroupVersionKind::new("", "v1", "ConfigMap");
        assert_eq!(decode(bytes, Some(&default)), Err(want), "{bytes:?}");
    };
    check(b"", DecodeError::NoMagic);
    check(b"{\"kind\":\"ConfigMap\"}", DecodeError::NoMagic);
    check(b"k8s\0\x12\xff", DecodeError::Truncated);
    check(b"k8s\0\x12\x05\x0a", DecodeError::Truncated);
    check(b"k8s\0\x13", DecodeError::Malformed);
    check(b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", DecodeError::Malformed);
    check(b"k8s\0\x12\x02\x08\x01", DecodeError::WireType { field: "metadata".into(), wire: 0 });
    check(b"k8s\0\x12\x05\x0a\x03\x0a\x01\xff", DecodeError::Text("name".into()));
    let kind = DecodeError::UnknownKind { kind: "\"Nonsense\"".into(), version: "\"v1\"".into() };
    check(b"k8s\0\x0a\x0e\x0a\x02v1\x12\x08Nonsense", kind);
    for (name, protobuf, _) in FIXTURES {
        for end in 0..protobuf.len().min(600) {
            let _ = decode(&protobuf[..end], None);
        }
        let mut flipped = protobuf.to_vec();
        for at in 0..flipped.len().min(600) {
            flipped[at] ^= 0xff;
            let _ = decode(&flipped, None);
            flipped[at] ^= 0xff;
        }
        assert!(decode(protobuf, None).is_ok(), "{name}");
    }
}
