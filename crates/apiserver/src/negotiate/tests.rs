use http::HeaderValue;

use super::accept::{Views, accept, accept_stream};
use super::*;

fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header"))])
}

const KUBECTL_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,\
    application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

#[test]
fn the_accept_header_chooses_encoding_and_view() {
    let check = |accept_header: &str, views: Views, want: Option<(Encoding, Option<(Target, &str)>)>| {
        let got = accept(&headers(http::header::ACCEPT, accept_header), &Query::default(), views).ok();
        let got = got.map(|got| (got.encoding, got.conversion.map(|view| (view.target, view.version))));
        assert_eq!(got, want, "{accept_header}");
    };
    let json = Some((Encoding::Json, None));
    check("", Views::Resource, json);
    check("*/*", Views::Resource, json);
    check("application/*", Views::Resource, json);
    check("application/json", Views::Resource, json);
    check("application/yaml", Views::Resource, Some((Encoding::Yaml, None)));
    check("application/json;q=0.5,application/yaml", Views::Resource, Some((Encoding::Yaml, None)));
    check("*/*,application/yaml", Views::Resource, Some((Encoding::Yaml, None)));
    check("text/html,application/xhtml+xml,*/*;q=0.8", Views::Resource, json);
    let protobuf = Some((Encoding::Protobuf, None));
    check("application/vnd.kubernetes.protobuf,application/json", Views::Resource, protobuf);
    check("application/vnd.kubernetes.protobuf,application/json", Views::Custom, json);
    check("application/vnd.kubernetes.protobuf,application/json", Views::Plain, protobuf);
    check("application/vnd.kubernetes.protobuf,*/*", Views::Resource, protobuf);
    check("application/vnd.kubernetes.protobuf,*/*", Views::Custom, json);
    check("application/vnd.kubernetes.protobuf", Views::Custom, None);
    check("application/vnd.kubernetes.protobuf;stream=watch", Views::Resource, protobuf);
    // Tables are text; metadata alone is not.
    let table = "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io";
    check(table, Views::Resource, None);
    let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,\
        application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";
    let partial = Some((Encoding::Protobuf, Some((Target::PartialObjectMetadata, "v1"))));
    check(metadata, Views::Resource, partial);
    check(metadata, Views::Custom, partial);
    check("text/html", Views::Resource, None);
    check(KUBECTL_TABLE, Views::Resource, Some((Encoding::Json, Some((Target::Table, "v1")))));
    check(KUBECTL_TABLE, Views::Plain, json);
    check("application/json;as=Table;v=v2;g=meta.k8s.io", Views::Resource, None);
    check("application/json;as=Table", Views::Resource, None);
    check(
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        Views::Resource,
        Some((Encoding::Json, Some((Target::PartialObjectMetadataList, "v1")))),
    );
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    check(aggregated, Views::Discovery, Some((Encoding::Json, Some((Target::GroupDiscovery, "v2")))));
    check(aggregated, Views::Plain, json);
    check("application/json", Views::Discovery, None);
    check("application/json;stream=watch", Views::Resource, json);
    check("application/yaml;stream=watch", Views::Resource, None);
    check("application/json;stream=tail", Views::Resource, None);
}

#[test]
fn what_cannot_be_served_is_refused_with_what_can() {
    let refused = accept(&headers(http::header::ACCEPT, "text/html"), &Query::default(), Views::Resource);
    let status = refused.expect_err("refused");
    assert_eq!(status.code, 406);
    assert_eq!(
        status.message,
        "only the following media types are accepted: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf"
    );
    let yaml = headers(http::header::ACCEPT, "application/yaml");
    let status = accept_stream(&yaml, &Query::default(), Views::Resource);
    let want = "only the following media types are accepted: application/json;stream=watch, \
        application/vnd.kubernetes.protobuf;stream=watch";
    assert_eq!(status.expect_err("refused").message, want);
}

#[test]
fn the_content_type_says_how_a_body_is_read() {
    use Encoding::{Json, Protobuf, Yaml};
    let check = |content_type: &str, builtin: bool, want: Result<Encoding, &str>| {
        let got = body(&headers(CONTENT_TYPE, content_type), builtin);
        let types = "the body of the request was in an unknown format - accepted media types include: ";
        let want = want.map_err(|names| (415, format!("{types}{names}")));
        assert_eq!(got.map_err(|status| (status.code, status.message)), want, "{content_type}");
    };
    assert_eq!(body(&HeaderMap::new(), true), Ok(Json));
    check("application/json", true, Ok(Json));
    check("Application/JSON; charset=utf-8", true, Ok(Json));
    check("application/yaml", false, Ok(Yaml));
    let protobuf = "application/vnd.kubernetes.protobuf";
    check(protobuf, true, Ok(Protobuf));
    check(protobuf, false, Err("application/json, application/yaml"));
    check("text/plain", true, Err("application/json, application/yaml, application/vnd.kubernetes.protobuf"));
}

#[test]
fn the_content_type_says_what_kind_of_patch_it_is() {
    let check = |content_type: &str, strategic: bool, want: Option<PatchKind>| {
        assert_eq!(patch(&headers(CONTENT_TYPE, content_type), strategic).ok(), want, "{content_type}");
    };
    check("application/json-patch+json", true, Some(PatchKind::Json));
    check("application/merge-patch+json; charset=utf-8", true, Some(PatchKind::Merge));
    check("application/strategic-merge-patch+json", true, Some(PatchKind::Strategic));
    check("application/strategic-merge-patch+json", false, None);
    check("application/apply-patch+yaml", false, Some(PatchKind::Apply));
    check("application/json", true, None);
    let status = patch(&HeaderMap::new(), false).expect_err("refused");
    assert_eq!(
        status.message,
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    );
}

#[test]
fn people_get_indented_answers() {
    let check = |query: &str, agent: &str, want: bool| {
        assert_eq!(is_pretty(&headers(USER_AGENT, agent), &Query::parse(query)), want, "{query} {agent}");
    };
    check("", "curl/7.88.1", true);
    check("", "Mozilla/5.0 (X11)", true);
    check("", "kubectl/v1.32", false);
    check("pretty=true", "kubectl/v1.32", true);
    check("pretty=false", "curl/7.88.1", false);
}
