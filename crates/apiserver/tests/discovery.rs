//! Discovery and OpenAPI, held against what Kubernetes 1.36 publishes.

mod cluster;

use std::collections::BTreeSet;

use cluster::{Cluster, ask, start};
use serde_json::{Value, json};

const FACTS: &str = include_str!("data/discovery.tsv");
/// As upstream orders them.
const GROUPS: [&str; 8] = [
    "apiregistration.k8s.io",
    "events.k8s.io",
    "authorization.k8s.io",
    "rbac.authorization.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "example.com",
];
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn words(value: &Value) -> String {
    let words: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    words.join(",")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn kind(value: &Value) -> String {
    let parts = [&value["group"], &value["version"], &value["kind"]].map(text);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// The lines of an aggregated document, as the facts are written.
fn aggregated_lines(document: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for group in document["items"].as_array().expect("items") {
        for version in group["versions"].as_array().expect("versions") {
            let group_version = match text(&group["metadata"]["name"]) {
                "" => text(&version["version"]).to_owned(),
                group => format!("{group}/{}", text(&version["version"])),
            };
            for resource in version["resources"].as_array().expect("resources") {
                let name = text(&resource["resource"]);
                lines.insert(
                    [
                        &group_version,
                        name,
                        &kind(&resource["responseKind"]),
                        text(&resource["scope"]),
                        text(&resource["singularResource"]),
                        &words(&resource["verbs"]),
                        &words(&resource["shortNames"]),
                        &words(&resource["categories"]),
                    ]
                    .join("\t"),
                );
                for sub in resource["subresources"].as_array().into_iter().flatten() {
                    let name = format!("{name}/{}", text(&sub["subresource"]));
                    let verbs = words(&sub["verbs"]);
                    lines.insert(
                        [&group_version, &name, &kind(&sub["responseKind"]), "", "", &verbs, "", ""]
                            .join("\t"),
                    );
                }
            }
        }
    }
    lines
}

fn legacy_lines(document: &Value) -> BTreeSet<String> {
    let line = |resource: &Value| {
        let name = text(&resource["name"]);
        let scope = match (name.contains('/'), resource["namespaced"] == true) {
            (true, _) => "",
            (false, true) => "Namespaced",
            (false, false) => "Cluster",
        };
        let (verbs, short, categories) =
            (words(&resource["verbs"]), words(&resource["shortNames"]), words(&resource["categories"]));
        let singular = text(&resource["singularName"]);
        [text(&document["groupVersion"]), name, &kind(resource), scope, singular, &verbs, &short, &categories]
            .join("\t")
    };
    document["resources"].as_array().expect("resources").iter().map(line).collect()
}

async fn get(cluster: &Cluster, path: &str) -> Value {
    let answer = cluster.send(ask("GET", path)).await;
    assert_eq!(answer.code, 200, "{path}: {}", answer.text());
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_says_what_upstream_says_of_the_kinds_that_are_here() {
    let cluster = start().await;
    let facts: BTreeSet<&str> = FACTS.lines().filter(|line| !line.starts_with('#')).collect();
    let mut aggregated = BTreeSet::new();
    for path in ["/api", "/apis"] {
        let answer = cluster.send(ask("GET", path).header("accept", AGGREGATED)).await;
        assert_eq!(answer.header("content-type"), AGGREGATED);
        aggregated.extend(aggregated_lines(&answer.json()));
    }
    let foreign: Vec<&String> = aggregated
        .iter()
        // The kinds that are only data here lack short names and the like, and widgets are nobody's.
        .filter(|line| {
            !["pods", "services", "endpointslices", "widgets", "nodes", "runtimeclasses"]
                .iter()
                .any(|kind| line.contains(kind))
        })
        .filter(|line| !facts.contains(line.as_str()))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");

    let mut legacy = legacy_lines(&get(&cluster, "/api/v1").await);
    let groups = get(&cluster, "/apis").await;
    for group in groups["groups"].as_array().expect("groups") {
        let path = format!("/apis/{}", text(&group["preferredVersion"]["groupVersion"]));
        legacy.extend(legacy_lines(&get(&cluster, &path).await));
        let one = get(&cluster, &format!("/apis/{}", text(&group["name"]))).await;
        assert_eq!((&one["kind"], &one["versions"]), (&json!("APIGroup"), &group["versions"]));
    }
    assert_eq!(legacy, aggregated);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_have_upstreams_shape_and_are_not_sent_twice() {
    let cluster = start().await;
    let c = &cluster;
    let address = cluster.authority();
    assert_eq!(
        get(c, "/api").await,
        json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]})
    );
    assert_eq!(
        get(c, "/apis/example.com").await,
        json!({"kind": "APIGroup", "apiVersion": "v1", "name": "example.com",
            "versions": [{"groupVersion": "example.com/v1", "version": "v1"}],
            "preferredVersion": {"groupVersion": "example.com/v1", "version": "v1"}})
    );
    let groups = get(c, "/apis").await;
    let names: Vec<&str> =
        groups["groups"].as_array().expect("groups").iter().map(|group| text(&group["name"])).collect();
    assert_eq!(names, GROUPS);
    let core = get(c, "/api/v1").await;
    let pods =
        core["resources"].as_array().expect("resources").iter().find(|resource| resource["name"] == "pods");
    assert_eq!(pods.expect("pods")["storageVersionHash"], "xPOwRZ+Yhw8=");
    // Built-in groups are the router's, whatever the version.
    for path in ["/api/v2", "/api/v2/pods", "/apis/node.k8s.io/v9", "/apis/node.k8s.io/v9/runtimeclasses"] {
        let answer = c.send(ask("GET", path)).await;
        let message = &answer.json()["message"];
        assert_eq!(
            (answer.code, text(message)),
            (404, "the server could not find the requested resource"),
            "{path}"
        );
    }
    for path in ["/apis/nowhere.example", "/apis/example.com/v9", "/apis/example.com/v9/widgets"] {
        let answer = c.send(ask("GET", path)).await;
        assert_eq!((answer.code, answer.text().as_str()), (404, "404 page not found\n"), "{path}");
    }

    let first = c.send(ask("GET", "/apis").header("accept", AGGREGATED)).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(etag.len(), 130);
    let again = ask("GET", "/apis").header("accept", AGGREGATED).header("if-none-match", etag.as_str());
    let again = c.send(again).await;
    assert_eq!((again.code, again.body.len()), (304, 0));
    for (encoding, start) in
        [("yaml", &b"apiVersion: apidiscovery.k8s.io/v2\n"[..]), ("vnd.kubernetes.protobuf", b"k8s\0")]
    {
        let wanted = AGGREGATED.replace("json", encoding);
        let answer = c.send(ask("GET", "/apis").header("accept", wanted.as_str())).await;
        assert_eq!((answer.code, answer.header("content-type")), (200, wanted.as_str()));
        assert!(answer.body.starts_with(start) && answer.header("etag") == etag, "{encoding}");
    }
    // Clients that cannot read it get the list.
    let mixed = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    assert_eq!(c.send(ask("GET", "/apis").header("accept", mixed)).await.json()["kind"], "APIGroupList");

    let version = get(c, "/version").await;
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("36")));
    assert!(text(&version["gitVersion"]).starts_with("v1.36."));
    let status = c.send(ask("GET", "/statusz")).await.text();
    assert!(status.starts_with("\napiserver statusz\nWarning: "), "{status}");
    let flags = c.send(ask("GET", "/flagz")).await.text();
    assert!(flags.contains("clusterName") && flags.ends_with("test\n"), "{flags}");
    let paths = get(c, "/").await;
    let paths = words(&paths["paths"]);
    assert!(paths.contains("/apis/example.com/v1,") && paths.contains("/livez/ping,"), "{paths}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openapi_documents_are_named_by_their_hash() {
    let cluster = start().await;
    let c = &cluster;
    let index = get(c, "/openapi/v3").await;
    let url = text(&index["paths"]["apis/example.com/v1"]["serverRelativeURL"]).to_owned();
    let (path, hash) = url.split_once("?hash=").expect("a hash");
    assert_eq!(path, "/openapi/v3/apis/example.com/v1");
    let answer = c.send(ask("GET", url.clone())).await;
    assert_eq!(answer.header("cache-control"), "public, immutable, max-age=31536000");
    let schemas = &answer.json()["components"]["schemas"];
    assert_eq!(
        schemas["com.example.v1.Widget"]["properties"]["spec"]["properties"]["color"]["default"],
        "red"
    );
    let moved = c.send(ask("GET", format!("{path}?hash=OLD"))).await;
    assert_eq!((moved.code, moved.header("location")), (301, url.as_str()));
    let known = c.send(ask("GET", path).header("if-none-match", format!("\"{hash}\""))).await;
    assert_eq!(known.code, 304);
    assert_eq!(c.send(ask("GET", path).header("accept", "text/html")).await.code, 406);
    assert_eq!(c.send(ask("GET", "/openapi/v3/apis/nowhere/v1")).await.code, 404);
    let v2 = c.send(ask("GET", "/openapi/v2").header("accept-encoding", "gzip")).await;
    assert_eq!((v2.code, v2.header("content-encoding")), (200, "gzip"));
    let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let v2 = c.send(ask("GET", "/openapi/v2").header("accept", protobuf)).await;
    assert_eq!((v2.code, v2.header("content-type")), (200, ironclad_api::openapi::protobuf::MEDIA_TYPE));
}
