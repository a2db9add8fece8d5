//! Held against objects that Kubernetes itself wrote in both forms (`tests/data/wire`).

use serde_json::json;

use super::*;
use crate::gvk::GroupVersionKind;

struct Fixture {
    name: String,
    protobuf: Vec<u8>,
    json: Value,
}

/// Every stable kind, with every field that it had in 1.35.
fn fixtures() -> Vec<Fixture> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wire");
    let files = std::fs::read_dir(folder).expect(folder).map(|file| file.expect(folder).path());
    let encoded = files.filter(|path| path.extension().is_some_and(|ending| ending == "pb"));
    let fixture = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").display().to_string();
        let protobuf = std::fs::read(&path).expect("protobuf");
        let json = std::fs::read(path.with_extension("json")).expect("json");
        let mut fixture = Fixture { name, protobuf, json: serde_json::from_slice(&json).expect("a tree") };
        without_workload(&mut fixture);
        fixture
    };
    let fixtures: Vec<Fixture> = encoded.map(fixture).collect();
    assert!(fixtures.len() > 70, "fixtures in {folder}");
    fixtures
}

/// Where a pod's spec is in a message, from its envelope on.
const POD_SPECS: [(&str, &[u64], &str); 9] = [
    ("apps.v1.DaemonSet", &[2, 2, 2, 2], "/spec/template/spec"),
    ("apps.v1.Deployment", &[2, 2, 3, 2], "/spec/template/spec"),
    ("apps.v1.ReplicaSet", &[2, 2, 3, 2], "/spec/template/spec"),
    ("apps.v1.StatefulSet", &[2, 2, 3, 2], "/spec/template/spec"),
    ("batch.v1.CronJob", &[2, 2, 5, 2, 6, 2], "/spec/jobTemplate/spec/template/spec"),
    ("batch.v1.Job", &[2, 2, 6, 2], "/spec/template/spec"),
    ("core.v1.Pod", &[2, 2], "/spec"),
    ("core.v1.PodTemplate", &[2, 2, 2], "/template/spec"),
    ("core.v1.ReplicationController", &[2, 2, 3, 2], "/spec/template/spec"),
];

/// An alpha field of 1.35 that 1.36 no longer has: `workloadRef`, number 42 of a pod's spec.
fn without_workload(fixture: &mut Fixture) {
    let Some((_, numbers, path)) = POD_SPECS.iter().find(|(name, ..)| *name == fixture.name) else { return };
    let spec = fixture.json.pointer_mut(path).and_then(Value::as_object_mut).expect("a spec");
    spec.remove("workloadRef").expect("the field of 1.35");
    let numbers = [*numbers, &[42]].concat();
    let envelope = without(&fixture.protobuf[MAGIC.len()..], &numbers);
    fixture.protobuf = [MAGIC, &envelope].concat();
}

/// A message without the field at the end of a path.
fn without(bytes: &[u8], path: &[u64]) -> Vec<u8> {
    let mut out = write::Writer::default();
    for field in wire::fields(bytes) {
        let (number, value) = field.expect("a field");
        let at = u16::try_from(number).expect("a number");
        match (path, value) {
            ([last], _) if *last == number => {}
            ([first, rest @ ..], Wire::Bytes(inner)) if *first == number => {
                out.bytes(at, &without(inner, rest))
            }
            (_, Wire::Bytes(inner)) => out.bytes(at, inner),
            (_, Wire::Varint(value)) => out.integer(at, value.cast_signed()),
            (_, other) => panic!("{other:?} on the way to a pod's spec"),
        }
    }
    out.out
}

#[test]
fn protobuf_is_read_as_the_object_that_kubernetes_wrote() {
    for Fixture { name, protobuf, json } in fixtures() {
        let got = decode(&protobuf, None).expect(&name).into_value();
        if let Some(difference) = difference("", &got, &json) {
            panic!("{name}{difference}");
        }
    }
}

#[test]
fn json_is_written_as_the_bytes_that_kubernetes_wrote() {
    let mut wrong = Vec::new();
    for Fixture { name, protobuf, json } in fixtures() {
        let object = Object::from_value(json).expect(&name);
        let got = encode(&object).expect(&name);
        if got != protobuf {
            let at = got.iter().zip(&protobuf).take_while(|(a, b)| a == b).count();
            let around = |bytes: &[u8]| {
                let part = bytes.get(at.saturating_sub(40)..(at + 40).min(bytes.len())).unwrap_or_default();
                part.escape_ascii().to_string()
            };
            wrong.push(format!("{name} at {at}:\n   got {}\n  want {}", around(&got), around(&protobuf)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    // The small ones have every shape, and are read thousands of times.
    let small = fixtures().into_iter().filter(|fixture| fixture.protobuf.len() < 1000);
    for Fixture { name, protobuf, .. } in small {
        for end in 0..protobuf.len().min(600) {
            let _ = decode(&protobuf[..end], None);
        }
        let mut flipped = protobuf.clone();
        for at in 0..flipped.len().min(600) {
            flipped[at] ^= 0xff;
            let _ = decode(&flipped, None);
            flipped[at] ^= 0xff;
        }
        assert!(decode(&protobuf, None).is_ok(), "{name}");
    }
}

#[test]
fn what_is_absent_is_written_as_go_writes_its_zero_values() {
    let check = |object: Value, want: &[u8]| {
        let got = encode_message(&Object::from_value(object).expect("an object")).expect("a message");
        assert_eq!(got.escape_ascii().to_string(), want.escape_ascii().to_string());
    };
    // metav1.ObjectMeta of nothing but a name: empty strings, generation 0, no creation time.
    let meta = b"\x0a\x11\x0a\x01x\x12\0\x1a\0\x22\0\x2a\0\x32\08\0B\0";
    check(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "creationTimestamp": null}}),
        meta,
    );
    // Sorted entries; empty bytes are there, null ones are not.
    check(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"b": null, "a": ""}}),
        &[&meta[..], b"\x12\x05\x0a\x01a\x12\0\x12\x03\x0a\x01b\x1a\0"].concat(),
    );
    // Pointers: absent, or there with a zero value. Negative numbers take ten bytes.
    check(
        json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "orphanDependents": false}),
        b"\x08\0\x18\0",
    );
    check(
        json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": -1}),
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    );
    check(
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "x"}, "spec": 1}),
        meta,
    );
}

#[test]
fn lists_are_their_items_with_a_head_and_a_tail() {
    let item =
        |name: &str| json!({"metadata": {"name": name, "namespace": "n".repeat(200)}, "data": {"k": name}});
    let list = json!({
        "apiVersion": "v1", "kind": "ConfigMapList",
        "metadata": {"resourceVersion": "7", "continue": "c", "remainingItemCount": 3},
        "items": [item("a"), item("b")],
    });
    let whole = encode(&Object::from_value(list.clone()).expect("a list")).expect("a list");
    let entry = |item: &Value| {
        let mut object = Object::from_value(item.clone()).expect("an object");
        object.set_type(&GroupVersionKind::new("", "v1", "ConfigMap"));
        bytes::Bytes::from(encode_message(&object).expect("a message"))
    };
    let items = list["items"].as_array().expect("items").iter().map(entry).collect();
    let metadata = serde_json::from_value(list["metadata"].clone()).expect("metadata");
    let pieces = super::list("v1", "ConfigMapList", &metadata, items).expect("a list");
    assert_eq!(pieces.collect::<Vec<_>>().concat(), whole);
    assert_eq!(difference("", &decode(&whole, None).expect("readable").into_value(), &list), None);
}

#[test]
fn an_event_of_a_watch_has_its_length_before_it() {
    let frame = watch_frame("ADDED", b"k8s\0object");
    assert_eq!(frame, b"\0\0\0\x15\x0a\x05ADDED\x12\x0c\x0a\x0ak8s\0object");
    let object = vec![7; 300];
    let frame = watch_frame("MODIFIED", &object);
    assert_eq!(frame[..4], u32::try_from(frame.len() - 4).expect("short").to_be_bytes());
    assert!(frame.ends_with(&object));
}

#[test]
fn what_is_not_of_its_kind_is_refused_by_the_field() {
    let check = |object: Value, want: &str| {
        let error = encode(&Object::from_value(object).expect("an object")).expect_err("refused");
        assert_eq!(error.to_string(), want);
    };
    check(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "3"}}),
        "cannot write string as protobuf: spec.replicas",
    );
    check(
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "?"}}),
        "cannot write text that is not base64 as protobuf: data",
    );
    check(
        json!({"apiVersion": "example.com/v1", "kind": "Widget"}),
        "object \"Widget\" of version \"example.com/v1\" has no protobuf form",
    );
}
