//! What typed Go clients ask for: bodies and answers in protobuf.

mod cluster;

use bytes::Bytes;
use cluster::{Answer, Ask, Cluster, ask, start};
use http_body_util::BodyExt;
use ironclad_api::{GroupVersionKind, Object, protobuf};
use serde_json::{Value, json};

const CM: &str = "/api/v1/namespaces/default/configmaps";
const TYPE: &str = "application/vnd.kubernetes.protobuf";
const METADATA: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

fn encode(value: Value) -> Vec<u8> {
    protobuf::encode(&Object::from_value(value).expect("an object")).expect("a message")
}

fn decode(bytes: &[u8]) -> Value {
    protobuf::decode(bytes, None).expect("an object in protobuf").into_value()
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": name}})
}

fn asked(method: &'static str, path: &str) -> Ask {
    ask(method, path).header("accept", TYPE)
}

/// Sends an object in protobuf and takes the answer in it.
async fn send(cluster: &Cluster, method: &'static str, path: &str, body: Value) -> (u16, Value) {
    let answer = cluster.send(asked(method, path).header("content-type", TYPE).body(encode(body))).await;
    assert_eq!(answer.header("content-type"), TYPE, "{}", answer.text());
    (answer.code, decode(&answer.body))
}

/// What an answer in protobuf says.
fn said(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), TYPE, "{}", answer.text());
    decode(&answer.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_come_and_go_in_protobuf() {
    let cluster = start().await;
    let c = &cluster;
    let (code, made) = send(c, "POST", CM, config_map("a")).await;
    assert_eq!((code, &made["data"]), (201, &json!({"k": "a"})), "{made}");
    let one = format!("{CM}/a");
    let as_json = c.send(ask("GET", one.as_str())).await.json();
    let mut read = said(&c.send(asked("GET", &one)).await);
    assert_eq!(read, as_json);

    read["data"]["k"] = "b".into();
    let (code, changed) = send(c, "PUT", &one, read).await;
    assert_eq!((code, &changed["data"]), (200, &json!({"k": "b"})), "{changed}");
    let (code, again) = send(c, "POST", CM, config_map("a")).await;
    assert_eq!((code, &again["reason"]), (409, &json!("AlreadyExists")), "{again}");

    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "other"}});
    let (code, kept) = send(c, "DELETE", &one, options).await;
    assert_eq!((code, &kept["reason"]), (409, &json!("Conflict")), "{kept}");
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    let (code, gone) = send(c, "DELETE", &one, options).await;
    assert_eq!((code, &gone["kind"], &gone["status"]), (200, &json!("Status"), &json!("Success")), "{gone}");
    let absent = c.send(asked("GET", &one)).await;
    assert_eq!((absent.code, &said(&absent)["reason"]), (404, &json!("NotFound")));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_metadata_are_the_same_as_in_json() {
    let cluster = start().await;
    let c = &cluster;
    for name in ["a", "b", "c"] {
        send(c, "POST", CM, config_map(name)).await;
    }
    for path in [CM.to_owned(), format!("{CM}?limit=2"), "/api/v1/namespaces".to_owned()] {
        let mut in_json = c.send(ask("GET", path.as_str())).await.json();
        // In protobuf, an item's kind is the list's.
        for item in in_json["items"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            item.remove("kind");
            item.remove("apiVersion");
        }
        assert_eq!(said(&c.send(asked("GET", &path)).await), in_json, "{path}");
    }
    let metadata = c.send(ask("GET", format!("{CM}/a")).header("accept", METADATA)).await;
    let name = b"\x0a\x01a";
    assert_eq!(metadata.header("content-type"), TYPE);
    assert!(metadata.body.windows(3).any(|bytes| bytes == name) && !metadata.text().contains("\x01k"));
    assert!(metadata.text().contains("PartialObjectMetadata"));
    let discovered = said(&c.send(asked("GET", "/apis")).await);
    assert_eq!(discovered["kind"], "APIGroupList");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_protobuf_is_refused_or_comes_in_the_next_best_form() {
    let cluster = start().await;
    let c = &cluster;
    let check = async |path: &str, accept: String, want: (u16, &str)| {
        let answer = c.send(ask("GET", path).header("accept", accept.as_str())).await;
        assert_eq!((answer.code, answer.header("content-type")), want, "{path} {accept}");
    };
    let widgets = "/apis/example.com/v1/namespaces/default/widgets";
    let table = "as=Table;g=meta.k8s.io;v=v1";
    check(widgets, format!("{TYPE},application/json"), (200, "application/json")).await;
    check(widgets, format!("{TYPE},*/*"), (200, "application/json")).await;
    check(widgets, TYPE.to_owned(), (406, TYPE)).await;
    check(CM, format!("{TYPE};{table},application/json;{table}"), (200, "application/json")).await;
    check("/version", TYPE.to_owned(), (200, "application/json")).await;
    let list = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    check(widgets, format!("{TYPE};{list}"), (200, TYPE)).await;
}

/// The next frame of a watch: the event's bytes without their length.
async fn frame(body: &mut hyper::body::Incoming, rest: &mut Vec<u8>) -> Bytes {
    loop {
        if let Some((head, tail)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*head) as usize;
            if let Some(event) = tail.get(..length) {
                let event = Bytes::copy_from_slice(event);
                rest.drain(..protobuf::FRAME_HEAD + length);
                return event;
            }
        }
        let next = tokio::time::timeout(std::time::Duration::from_secs(5), body.frame()).await;
        let data = next.expect("in time").expect("a frame").expect("a whole body").into_data();
        rest.extend_from_slice(&data.expect("data"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_are_frames_with_their_length_before_them() {
    let cluster = start().await;
    let c = &cluster;
    send(c, "POST", CM, config_map("a")).await;
    let path = format!(
        "{CM}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    );
    let wish = format!("{TYPE};stream=watch,application/json;stream=watch");
    let answer = c.open(ask("GET", path).header("accept", wish)).await;
    assert_eq!(answer.headers()["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
    let (mut body, mut rest) = (answer.into_body(), Vec::new());
    let default = GroupVersionKind::new("", "v1", "WatchEvent");
    let mut next = async || {
        let event = protobuf::envelope("v1", "WatchEvent", &frame(&mut body, &mut rest).await);
        let event = protobuf::decode(&event, Some(&default)).expect("an event").into_value();
        let object = &event["object"];
        (event["type"].clone(), object["metadata"]["name"].clone(), object["kind"].clone())
    };
    assert_eq!(next().await, (json!("ADDED"), json!("a"), json!("ConfigMap")));
    assert_eq!(next().await, (json!("BOOKMARK"), Value::Null, json!("ConfigMap")));
    send(c, "POST", CM, config_map("b")).await;
    assert_eq!(next().await, (json!("ADDED"), json!("b"), json!("ConfigMap")));
    c.send(ask("DELETE", format!("{CM}/a"))).await;
    assert_eq!(next().await, (json!("DELETED"), json!("a"), json!("ConfigMap")));
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_is_the_same_in_every_encoding() {
    let cluster = start().await;
    let documents = [
        ("/api", "APIVersions"),
        ("/api/v1", "APIResourceList"),
        ("/apis", "APIGroupList"),
        ("/apis/coordination.k8s.io", "APIGroup"),
        ("/apis/coordination.k8s.io/v1", "APIResourceList"),
    ];
    for (path, kind) in documents {
        let in_json = cluster.send(ask("GET", path)).await.json();
        let in_yaml = cluster.send(ask("GET", path).header("accept", "application/yaml")).await;
        let yaml = ironclad_api::yaml::decode(&in_yaml.body).expect("YAML").value;
        assert_eq!((in_yaml.header("content-type"), &yaml), ("application/yaml", &in_json), "{path}");
        let answer = cluster.send(asked("GET", path)).await;
        assert_eq!((answer.code, answer.header("content-type")), (200, TYPE), "{path}: {}", answer.text());
        // The oldest documents do not say their version; clients know it.
        let known = GroupVersionKind::new("", "v1", kind);
        let mut read = protobuf::decode(&answer.body, Some(&known)).expect(path).into_value();
        if in_json.get("apiVersion").is_none() {
            assert!(answer.body.starts_with(b"k8s\0\x0a"), "{path}");
            read.as_object_mut().expect("an object").remove("apiVersion");
        }
        assert_eq!(read, without_zeros(&in_json), "{path}");
    }
}

/// What of a document protobuf can tell: Go's zero values are the same as nothing.
fn without_zeros(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = members.iter().filter(|(_, value)| **value != json!(false) && **value != json!(""));
            Value::Object(told.map(|(name, value)| (name.clone(), without_zeros(value))).collect())
        }
        Value::Array(elements) => elements.iter().map(without_zeros).collect(),
        value => value.clone(),
    }
}
