use super::*;

/// Verb, prefix, group, version, namespace, resource, subresource, name and the parts.
type Want<'a> = [&'a str; 9];

fn info(method: &str, url: &str) -> RequestInfo {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    RequestInfo::new(&method, path, &Query::parse(query)).expect("readable")
}

#[test]
fn resource_paths_are_read_as_upstream_reads_them() {
    let check = |method: &str, url: &str, want: Want<'_>| {
        let info = info(method, url);
        let r = info.resource.expect("a resource");
        let parts = r.parts.join(",");
        let got = [
            &*info.verb,
            &r.prefix,
            &r.group,
            &r.version,
            &r.namespace,
            &r.resource,
            &r.subresource,
            &r.name,
            &parts,
        ];
        assert_eq!(got, want, "{method} {url}");
    };
    check("GET", "/api/v1/namespaces", ["list", "api", "", "v1", "", "namespaces", "", "", "namespaces"]);
    check(
        "GET",
        "/api/v1/namespaces/other",
        ["get", "api", "", "v1", "other", "namespaces", "", "other", "namespaces,other"],
    );
    check("GET", "/api/v1/namespaces/other/pods", ["list", "api", "", "v1", "other", "pods", "", "", "pods"]);
    check(
        "GET",
        "/api/v1/namespaces/other/pods/foo",
        ["get", "api", "", "v1", "other", "pods", "", "foo", "pods,foo"],
    );
    check(
        "HEAD",
        "/api/v1/namespaces/other/pods/foo",
        ["get", "api", "", "v1", "other", "pods", "", "foo", "pods,foo"],
    );
    check("GET", "/api/v1/pods", ["list", "api", "", "v1", "", "pods", "", "", "pods"]);
    check("HEAD", "/api/v1/pods", ["list", "api", "", "v1", "", "pods", "", "", "pods"]);
    check(
        "GET",
        "/api/v1/proxy/namespaces/other/pods/foo",
        ["proxy", "api", "", "v1", "other", "pods", "", "foo", "pods,foo"],
    );
    check(
        "GET",
        "/api/v1/proxy/namespaces/other/pods/foo/subpath/not/a/subresource",
        ["proxy", "api", "", "v1", "other", "pods", "", "foo", "pods,foo,subpath,not,a,subresource"],
    );
    check("GET", "/api/v1/watch/pods", ["watch", "api", "", "v1", "", "pods", "", "", "pods"]);
    check("GET", "/api/v1/pods?watch=true", ["watch", "api", "", "v1", "", "pods", "", "", "pods"]);
    check("GET", "/api/v1/pods?watch=false", ["list", "api", "", "v1", "", "pods", "", "", "pods"]);
    check(
        "GET",
        "/api/v1/watch/namespaces/other/pods",
        ["watch", "api", "", "v1", "other", "pods", "", "", "pods"],
    );
    check(
        "GET",
        "/api/v1/namespaces/other/pods?watch=1",
        ["watch", "api", "", "v1", "other", "pods", "", "", "pods"],
    );
    check(
        "GET",
        "/api/v1/namespaces/other/pods/foo/status",
        ["get", "api", "", "v1", "other", "pods", "status", "foo", "pods,foo,status"],
    );
    check(
        "POST",
        "/api/v1/namespaces/other/pods",
        ["create", "api", "", "v1", "other", "pods", "", "", "pods"],
    );
    check(
        "PUT",
        "/api/v1/namespaces/other/pods/foo",
        ["update", "api", "", "v1", "other", "pods", "", "foo", "pods,foo"],
    );
    check(
        "PATCH",
        "/api/v1/namespaces/other/pods/foo",
        ["patch", "api", "", "v1", "other", "pods", "", "foo", "pods,foo"],
    );
    check(
        "DELETE",
        "/api/v1/namespaces/other/pods/foo",
        ["delete", "api", "", "v1", "other", "pods", "", "foo", "pods,foo"],
    );
    check("DELETE", "/api/v1/nodes", ["deletecollection", "api", "", "v1", "", "nodes", "", "", "nodes"]);
    check(
        "DELETE",
        "/api/v1/namespaces/other/pods",
        ["deletecollection", "api", "", "v1", "other", "pods", "", "", "pods"],
    );
    check("OPTIONS", "/api/v1/pods", ["", "api", "", "v1", "", "pods", "", "", "pods"]);
    check(
        "PUT",
        "/api/v1/namespaces/other/finalize",
        ["update", "api", "", "v1", "other", "namespaces", "finalize", "other", "namespaces,other,finalize"],
    );
    check(
        "GET",
        "/apis/apps/v1/namespaces/other/deployments/web/scale",
        ["get", "apis", "apps", "v1", "other", "deployments", "scale", "web", "deployments,web,scale"],
    );
    check(
        "GET",
        "/apis/apps/v1/deployments",
        ["list", "apis", "apps", "v1", "", "deployments", "", "", "deployments"],
    );
}

#[test]
fn a_field_selector_for_one_name_names_the_request() {
    let check = |url: &str, verb: &str, name: &str| {
        let info = info("GET", url);
        assert_eq!((&*info.verb, info.resource.expect("a resource").name.as_str()), (verb, name), "{url}");
    };
    check("/apis/g/v1/foos?fieldSelector=metadata.name%3Dname1", "list", "name1");
    check("/apis/g/v1/foos?watch=true&fieldSelector=metadata.name=name1", "watch", "name1");
    check("/apis/g/v1/foos?fieldSelector=metadata.name!=name1", "list", "");
    check("/apis/g/v1/foos?fieldSelector=metadata.name=a,metadata.namespace=b", "list", "a");
    check("/apis/g/v1/foos?fieldSelector=metadata.name=a%252fb", "list", "");
    check("/apis/g/v1/foos?fieldSelector=metadata.name=a&limit=x", "list", "");
    check("/apis/g/v1/foos?fieldSelector=bad&watch=true", "watch", "");
}

#[test]
fn other_paths_are_no_resources() {
    let check = |method: &str, path: &str, verb: &str| {
        let info = info(method, path);
        assert_eq!((&*info.verb, info.resource), (verb, None), "{path}");
    };
    check("GET", "/", "get");
    check("POST", "/", "post");
    check("GET", "/api", "get");
    check("GET", "/apis", "get");
    check("GET", "/api/v1", "get");
    check("GET", "/apis/apps", "get");
    check("GET", "/apis/apps/v1", "get");
    check("GET", "/apis/apps/v1/", "get");
    check("PUT", "/healthz", "put");
    check("GET", "/other/v1/namespaces/x/pods", "get");
}

#[test]
fn a_verb_in_the_path_needs_a_resource_after_it() {
    let error = RequestInfo::new(&Method::GET, "/api/v1/watch", &Query::default());
    assert_eq!(error, Err("unable to determine kind and namespace from url, /api/v1/watch".into()));
}

#[test]
fn streams_are_long_running() {
    let check = |url: &str, want: bool| assert_eq!(info("GET", url).is_long_running(), want, "{url}");
    check("/api/v1/pods?watch=1", true);
    check("/api/v1/namespaces/x/pods/y/log", true);
    check("/api/v1/namespaces/x/pods/y/exec", true);
    check("/api/v1/nodes/y/proxy/a", true);
    check("/api/v1/namespaces/x/pods/y", false);
    check("/api/v1/pods", false);
}
