//! What the server answers to good and to bad requests, over HTTPS.

mod cluster;

use cluster::{Answer, Ask, Cluster, ask, start};
use serde_json::{Value, json};

const CM: &str = "/api/v1/namespaces/default/configmaps";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

fn post(path: &str, body: &Value) -> Ask {
    ask("POST", path).header("content-type", "application/json").json(body)
}

/// Code, reason and message of a Status.
async fn check(cluster: &Cluster, request: Ask, code: u16, reason: &str, message: &str) -> Answer {
    let what = format!("{} {}", request.method, request.path);
    let answer = cluster.send(request).await;
    let status = answer.json();
    let got = (
        answer.code,
        status["reason"].as_str().unwrap_or_default(),
        status["message"].as_str().unwrap_or_default(),
    );
    assert_eq!(got, (code, reason, message), "{what}\n{}", answer.text());
    assert_eq!(status["kind"], "Status", "{what}");
    assert_eq!(status["code"], code, "{what}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_upstreams_status_and_change_nothing() {
    let cluster = start().await;
    let created = cluster.send(post(CM, &config_map("present"))).await;
    assert_eq!(created.code, 201, "{}", created.text());
    let one = format!("{CM}/present");
    let bad = "BadRequest";
    let c = &cluster;

    // Paths and methods.
    check(
        c,
        ask("GET", "/api/v1/nonsense"),
        404,
        "NotFound",
        "the server could not find the requested resource",
    )
    .await;
    check(
        c,
        ask("GET", format!("{one}/nonsense")),
        404,
        "NotFound",
        "the server could not find the requested resource",
    )
    .await;
    check(
        c,
        ask("GET", "/api/v1/configmaps/present"),
        404,
        "NotFound",
        "the server could not find the requested resource",
    )
    .await;
    let no_method = "the server does not allow this method on the requested resource";
    check(c, ask("PUT", CM).json(&config_map("x")), 405, "MethodNotAllowed", no_method).await;
    check(c, post("/api/v1/configmaps", &config_map("x")), 405, "MethodNotAllowed", no_method).await;
    check(c, ask("DELETE", "/api/v1/configmaps"), 405, "MethodNotAllowed", no_method).await;
    check(c, ask("OPTIONS", CM), 405, "MethodNotAllowed", no_method).await;
    let message = "configmaps \"absent\" not found";
    check(c, ask("GET", format!("{CM}/absent")), 404, "NotFound", message).await;
    assert_eq!(c.send(ask("GET", "/apis/nowhere.example/v1/things")).await.text(), "404 page not found\n");
    assert_eq!(c.send(ask("GET", "/apis/example.com/v1/widgets/x")).await.text(), "404 page not found\n");
    assert_eq!(c.send(ask("GET", "/nowhere")).await.code, 404);
    assert_eq!(c.send(ask("GET", "/api/v1/watch")).await.code, 500);

    // Content types.
    let accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {accepted}"
    );
    let text = ask("POST", CM).header("content-type", "text/plain").body("x");
    check(c, text, 415, "UnsupportedMediaType", &message).await;
    let protobuf = |body: &'static [u8]| {
        ask("POST", CM).header("content-type", "application/vnd.kubernetes.protobuf").body(body)
    };
    let message = "the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to \
        be a protobuf message, expected prefix [107 56 115 0] (6b3873)";
    check(c, protobuf(b"k8s"), 400, bad, message).await;
    let dry = protobuf(b"k8s\0\x12\x0d\x0a\x03\x0a\x01x\x12\x06\x0a\x01a\x12\x01b");
    let dry = c.send(Ask { path: format!("{CM}?dryRun=All"), ..dry }).await;
    assert_eq!((dry.code, dry.json()["data"].clone()), (201, json!({"a": "b"})), "{}", dry.text());
    // Upstream's router knows what built-in routes write and which patches they read.
    let message = format!("406: Not Acceptable\n\nAvailable representations: {accepted}");
    for accept in ["text/html", "application/*"] {
        check(c, ask("GET", one.as_str()).header("accept", accept), 406, "NotAcceptable", &message).await;
    }
    let streams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
    let message = format!("{message}, {streams}");
    check(c, ask("GET", CM).header("accept", "text/html"), 406, "NotAcceptable", &message).await;
    let message = format!("only the following media types are accepted: {accepted}");
    let unknown = ask("GET", CM).header("accept", "application/json;as=Foo;v=v1;g=meta.k8s.io");
    check(c, unknown, 406, "NotAcceptable", &message).await;
    let message = "415: Unsupported Media Type";
    check(c, ask("PATCH", one.as_str()).body("{}"), 415, "UnsupportedMediaType", message).await;

    // Bodies.
    let huge = "x".repeat(3 * 1024 * 1024 + 1);
    let message = "Request entity too large: limit is 3145728";
    check(c, ask("POST", CM).body(huge), 413, "RequestEntityTooLarge", message).await;
    let json = |body: &str| ask("POST", CM).header("content-type", "application/json").body(body.to_owned());
    let message = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into \
        Go struct field ConfigMap.data of type string";
    let body = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":1}}"#;
    check(c, json(body), 400, bad, message).await;
    let strict = |path: &str, body: &str| {
        ask("POST", format!("{path}?fieldValidation=Strict"))
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let body = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"dota":{},"data":{"a":"1","a":"2"}}"#;
    let message = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: \
        unknown field \"dota\", duplicate field \"data.a\"";
    check(c, strict(CM, body), 400, bad, message).await;
    let message = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; \
        json parse error: unexpected end of JSON input (7b)";
    let truncated = c.send(json("{")).await;
    assert_eq!(truncated.code, 400, "{message} {}", truncated.text());
    let deep = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"x"}},"data":{}{}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    assert_eq!(c.send(json(&deep)).await.code, 400);
    let bomb = format!(
        "a: &a [x]\n{}",
        (0..40)
            .map(|n| format!("b{n}: &b{n} [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n")
                .replace("*a", &if n == 0 { "*a".to_owned() } else { format!("*b{}", n - 1) }))
            .collect::<String>()
    );
    let yaml = ask("POST", CM).header("content-type", "application/yaml").body(bomb);
    assert_eq!(c.send(yaml).await.code, 400);
    check(
        c,
        post(CM, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})),
        400,
        bad,
        "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): \
         unknown conversion",
    )
    .await;
    check(c, post(CM, &config_map("present")), 409, "AlreadyExists", "configmaps \"present\" already exists")
        .await;
    let message = "the namespace of the provided object does not match the namespace sent on the request";
    let mut elsewhere = config_map("x");
    elsewhere["metadata"]["namespace"] = "elsewhere".into();
    check(c, post(CM, &elsewhere), 400, bad, message).await;
    let invalid = c.send(post(CM, &config_map("Bad_Name"))).await;
    assert_eq!(
        (invalid.code, invalid.json()["details"]["causes"][0]["field"].clone()),
        (422, json!("metadata.name"))
    );

    // Options.
    check(
        c,
        ask("GET", format!("{CM}?limit=x")),
        400,
        bad,
        "strconv.ParseInt: parsing \"x\": invalid syntax",
    )
    .await;
    let message = "unable to parse requirement: found ')', expected: identifier";
    let selector = c.send(ask("GET", format!("{CM}?labelSelector=a%20in%20%28%29%29"))).await;
    assert_eq!(selector.code, 400, "{message} {}", selector.text());
    check(
        c,
        ask("GET", format!("{CM}?fieldSelector=x")),
        400,
        bad,
        "invalid selector: 'x'; can't understand 'x'",
    )
    .await;
    let unknown = c.send(ask("GET", format!("{CM}?fieldSelector=spec.x%3D1"))).await;
    assert_eq!(unknown.code, 400, "{}", unknown.text());
    let dry = format!("{CM}?dryRun=Some");
    let message = "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \"All\"";
    check(c, post(&dry, &config_map("x")), 422, "Invalid", message).await;
    let forced = ask("PATCH", format!("{one}?force=false"))
        .header("content-type", "application/merge-patch+json")
        .body("{}");
    let message = "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch";
    check(c, forced, 422, "Invalid", message).await;
    let message = "invalid timeout specified in the request URL - time: invalid duration \"abc\"";
    check(c, ask("GET", format!("{CM}?timeout=abc")), 400, bad, message).await;
    let message = "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Maybe\": \
        supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
    check(
        c,
        ask("DELETE", one.as_str()).json(&json!({"propagationPolicy": "Maybe"})),
        422,
        "Invalid",
        message,
    )
    .await;

    // Stale versions.
    let mut stale = config_map("present");
    stale["metadata"]["resourceVersion"] = "1".into();
    let message = "Operation cannot be fulfilled on configmaps \"present\": the object has been modified; please apply \
        your changes to the latest version and try again";
    check(c, ask("PUT", one.as_str()).json(&stale), 409, "Conflict", message).await;
    let future = ask("GET", format!("{CM}?resourceVersion=999999999"));
    let answer = c.send(future).await;
    assert_eq!(
        (answer.code, answer.json()["details"]["causes"][0]["reason"].clone()),
        (504, json!("ResourceVersionTooLarge"))
    );

    // Nothing of all this left a trace.
    let list = c.send(ask("GET", CM)).await.json();
    let names: Vec<&str> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect();
    assert_eq!(names, ["present"]);
    assert_eq!(
        list["items"][0]["metadata"]["resourceVersion"],
        created.json()["metadata"]["resourceVersion"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_further_than_they_may() {
    let cluster = start().await;
    let c = &cluster;
    let message = "configmaps is forbidden: User \"system:anonymous\" cannot list resource \"configmaps\" in API group \"\" \
        in the namespace \"default\"";
    check(c, ask("GET", CM).anonymously(), 403, "Forbidden", message).await;
    let message = "forbidden: User \"system:anonymous\" cannot get path \"/metrics\"";
    check(c, ask("GET", "/metrics").anonymously(), 403, "Forbidden", message).await;
    // A body is not even read before that.
    let garbage = ask("POST", CM).header("content-type", "text/plain").body("garbage").anonymously();
    assert_eq!(c.send(garbage).await.code, 403);
    assert_eq!(c.send(ask("GET", "/nowhere").anonymously()).await.code, 403);
    assert_eq!(c.send(ask("GET", "/version").anonymously()).await.json()["minor"], "36");
    assert_eq!(c.send(ask("GET", "/readyz").anonymously()).await.text(), "ok");
    let token = ask("GET", CM).header("authorization", "Bearer wrong").anonymously();
    let answer = check(c, token, 401, "Unauthorized", "Unauthorized").await;
    assert_eq!(answer.header("content-type"), "application/json");

    // Impersonation.
    let message = "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group \"\" in the \
        namespace \"default\"";
    check(c, ask("GET", CM).header("impersonate-user", "jane"), 403, "Forbidden", message).await;
    // The refusal of the narrowest mode that there is for such a user.
    let message =
        "forbidden: User \"system:anonymous\" cannot impersonate-on:user-info:get path \"/version\"";
    check(
        c,
        ask("GET", "/version").header("impersonate-user", "jane").anonymously(),
        403,
        "Forbidden",
        message,
    )
    .await;
    let admin =
        ask("GET", CM).header("impersonate-user", "jane").header("impersonate-group", "system:masters");
    assert_eq!(c.send(admin).await.code, 200);
    let message = "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"dev\"}, \
        Extra:map[string][]string(nil)} without impersonating a user name";
    check(c, ask("GET", CM).header("impersonate-group", "dev"), 400, "BadRequest", message).await;

    // A namespace's own name counts as its namespace, and errors never look like HTML.
    let message = "namespaces \"<b>\" is forbidden: User \"system:anonymous\" cannot get resource \"namespaces\" in API \
        group \"\" in the namespace \"&lt;b&gt;\"";
    check(c, ask("GET", "/api/v1/namespaces/%3Cb%3E").anonymously(), 403, "Forbidden", message).await;

    let log = std::fs::read_to_string(c.folder.path().join("audit/audit.log")).expect("an audit log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let refused = lines.iter().find(|line| line["responseStatus"]["code"] == 401).expect("the wrong token");
    assert_eq!(refused["requestURI"], CM);
    assert!(!log.contains("wrong"), "tokens are not logged");
    let acted =
        lines.iter().find(|line| line["impersonatedUser"]["username"] == "jane").expect("an impersonation");
    assert_eq!(acted["user"]["username"], "kubernetes-admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_served_in_every_form() {
    let cluster = start().await;
    let c = &cluster;
    let body = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "labels": {"a": "b"}},
        "spec": {"size": 3, "replicas": 1}});
    let created = c.send(post(WIDGETS, &body)).await;
    assert_eq!(
        (created.code, created.json()["spec"]["color"].clone()),
        (201, json!("red")),
        "{}",
        created.text()
    );
    assert_eq!(created.header("cache-control"), "no-cache, private");
    assert!(!created.header("audit-id").is_empty());
    let one = format!("{WIDGETS}/w");
    let get = |accept: &str| ask("GET", one.clone()).header("accept", accept);
    let list = |accept: &str| ask("GET", WIDGETS).header("accept", accept);

    let plain = c.send(get("application/json")).await;
    assert!(
        plain.text().starts_with(r#"{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"#)
            && plain.text().ends_with("}\n")
    );
    let yaml = c.send(get("application/yaml")).await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(yaml.text().contains("spec:\n  color: red\n  replicas: 1\n  size: 3\n"), "{}", yaml.text());
    let pretty = c.send(get("application/json").header("user-agent", "curl/7.88.1")).await;
    assert!(pretty.text().starts_with("{\n  \"apiVersion\": \"example.com/v1\",\n"), "{}", pretty.text());

    let table = c.send(get("application/json;as=Table;v=v1;g=meta.k8s.io,application/json")).await.json();
    assert_eq!((&table["kind"], &table["rows"][0]["cells"]), (&json!("Table"), &json!(["w", "red"])));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let tables = c.send(list("application/json;as=Table;v=v1;g=meta.k8s.io")).await.json();
    assert_eq!((&tables["rows"], &tables["columnDefinitions"][1]["name"]), (&table["rows"], &json!("Color")));
    let whole = ask("GET", format!("{WIDGETS}?includeObject=Object"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    assert_eq!(c.send(whole).await.json()["rows"][0]["object"]["spec"]["size"], 3);
    let bad = ask("GET", format!("{WIDGETS}?includeObject=Half"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    assert_eq!(c.send(bad).await.code, 400);

    let partial = c.send(get("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")).await.json();
    assert_eq!(
        (&partial["kind"], &partial["metadata"]["labels"]["a"], &partial["spec"]),
        (&json!("PartialObjectMetadata"), &json!("b"), &Value::Null)
    );
    let partials =
        c.send(list("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")).await.json();
    assert_eq!((&partials["kind"], &partials["items"][0]), (&json!("PartialObjectMetadataList"), &partial));
    assert_eq!(partials["metadata"]["resourceVersion"], tables["metadata"]["resourceVersion"]);
    let wrong = c.send(list("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")).await;
    assert_eq!(wrong.code, 406);

    // An error is an error whatever was asked for.
    let table = ask("GET", format!("{WIDGETS}/absent"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
    check(c, table, 404, "NotFound", "widgets.example.com \"absent\" not found").await;
    let yaml = c.send(ask("GET", format!("{WIDGETS}/absent")).header("accept", "application/yaml")).await;
    assert!(yaml.text().contains("reason: NotFound\n"), "{}", yaml.text());

    // Warnings, scale, status and deletes.
    let loose = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "v"}, "spec": {"sise": 3}});
    assert_eq!(
        c.send(post(WIDGETS, &loose)).await.header("warning"),
        "299 - \"unknown field \\\"spec.sise\\\"\""
    );
    let scale = ask("PATCH", format!("{one}/scale"))
        .header("content-type", "application/merge-patch+json")
        .json(&json!({"spec": {"replicas": 4}}));
    let scaled = c.send(scale).await;
    assert_eq!((scaled.code, scaled.json()["kind"].clone()), (200, json!("Scale")), "{}", scaled.text());
    assert_eq!(c.send(get("application/json")).await.json()["spec"]["replicas"], 4);
    let strategic = ask("PATCH", one.as_str())
        .header("content-type", "application/strategic-merge-patch+json")
        .body("{}");
    assert_eq!(c.send(strategic).await.code, 415);
    let deleted = c.send(ask("DELETE", one.as_str())).await;
    assert_eq!((deleted.code, deleted.json()["status"].clone()), (200, json!("Success")));
    let collection = c.send(ask("DELETE", WIDGETS)).await;
    assert_eq!(collection.code, 200, "{}", collection.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_lists_are_streamed_and_compressed() {
    use std::io::Read;
    let cluster = start().await;
    let c = &cluster;
    let value = "x".repeat(4000);
    for n in 0..100 {
        let mut map = config_map(&format!("m{n:03}"));
        map["data"]["value"] = value.clone().into();
        assert_eq!(c.send(post(CM, &map)).await.code, 201);
    }
    let plain = c.send(ask("GET", CM)).await;
    assert_eq!(plain.json()["items"].as_array().map(Vec::len), Some(100));
    let zipped = c.send(ask("GET", CM).header("accept-encoding", "gzip")).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*zipped.body).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, plain.text());
    let table = ask("GET", CM).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    assert_eq!(c.send(table).await.json()["rows"].as_array().map(Vec::len), Some(100));
    // In pages, the pages make the list.
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let page = c.send(ask("GET", format!("{CM}?limit=30&continue={token}"))).await.json();
        names.extend(
            page["items"].as_array().expect("items").iter().map(|item| item["metadata"]["name"].clone()),
        );
        token = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names.len(), 100);
}
