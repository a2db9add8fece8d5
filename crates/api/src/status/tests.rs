use super::*;
use crate::field::{FieldError, Path};
use crate::gvk::{GroupKind, GroupResource};
use serde_json::{Value, json};

fn pods() -> GroupResource {
    GroupResource::new("", "pods")
}

fn deployments() -> GroupResource {
    GroupResource::new("apps", "deployments")
}

#[test]
fn statuses_are_upstreams_json() {
    let check = |status: Status, want: Value| {
        assert_eq!(serde_json::to_value(&status).unwrap(), want);
        assert_eq!(serde_json::from_value::<Status>(want).unwrap(), status);
    };
    check(
        Status::not_found(&pods(), "x"),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "pods \"x\" not found", "reason": "NotFound",
            "details": {"name": "x", "kind": "pods"}, "code": 404}),
    );
    check(
        Status::unauthorized(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Unauthorized", "reason": "Unauthorized", "code": 401}),
    );
    check(
        Status::invalid(
            &GroupKind::new("apps", "Deployment"),
            "d",
            &[
                FieldError::required(&Path::new("spec.selector"), ""),
                FieldError::invalid(&Path::new("spec.replicas"), -1, "must be greater than or equal to 0"),
            ],
        ),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Deployment.apps \"d\" is invalid: [spec.selector: Required value, spec.replicas: Invalid value: -1: must be greater than or equal to 0]",
            "reason": "Invalid",
            "details": {"name": "d", "group": "apps", "kind": "Deployment", "causes": [
                {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"},
                {"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be greater than or equal to 0", "field": "spec.replicas"},
            ]}, "code": 422}),
    );
    check(
        Status::deleted(&deployments(), "d", "u"),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "d", "group": "apps", "kind": "deployments", "uid": "u"}}),
    );
    check(
        Status::internal_error("boom"),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Internal error occurred: boom", "reason": "InternalError",
            "details": {"causes": [{"message": "boom"}]}, "code": 500}),
    );
    check(
        Status::too_large_resource_version(9, 5),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Timeout: Too large resource version: 9, current: 5", "reason": "Timeout",
            "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1}, "code": 504}),
    );
}

#[test]
fn the_json_is_written_in_upstreams_order() {
    let json = String::from_utf8(Status::already_exists(&pods(), "x").to_json()).unwrap();
    let want = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \"x\" already exists","reason":"AlreadyExists","details":{"name":"x","kind":"pods"},"code":409}"#;
    assert_eq!(json, want);
}

#[test]
fn messages_are_upstreams() {
    let check = |status: Status, code: u16, want: &str| {
        assert_eq!((status.code, status.to_string().as_str()), (code, want));
    };
    check(
        Status::modified(&pods(), "x"),
        409,
        "Operation cannot be fulfilled on pods \"x\": the object has been modified; please apply your changes to the latest version and try again",
    );
    check(Status::forbidden(&deployments(), "d", "no"), 403, "deployments.apps \"d\" is forbidden: no");
    check(Status::forbidden(&deployments(), "", "no"), 403, "deployments.apps is forbidden: no");
    check(Status::forbidden(&GroupResource::new("", ""), "d", "no"), 403, "forbidden: no");
    check(
        Status::invalid(
            &GroupKind::new("", "Pod"),
            "x",
            &[FieldError::required(&Path::new("spec.containers"), "")],
        ),
        422,
        "Pod \"x\" is invalid: spec.containers: Required value",
    );
    check(Status::invalid(&GroupKind::new("", "Pod"), "", &[]), 422, "Pod \"\" is invalid");
    check(
        Status::method_not_supported(&deployments(), "get"),
        405,
        "get is not supported on resources of kind \"deployments.apps\"",
    );
    check(
        Status::generate_name_conflict(&pods(), "a-", 1),
        409,
        "pods \"a-\" already exists, the server was not able to generate a unique name for the object",
    );
    check(Status::too_old_resource_version(1, 2), 410, "too old resource version: 1 (2)");
    check(Status::request_entity_too_large(3_145_728), 413, "Request entity too large: limit is 3145728");
    check(
        Status::unsupported_media_type(&["application/json", "application/yaml"]),
        415,
        "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
    );
    check(
        Status::not_acceptable(&["application/json"]),
        406,
        "only the following media types are accepted: application/json",
    );
    check(
        Status::server_timeout(&pods(), "list", 2),
        500,
        "The list operation against pods could not be completed at this time, please try again.",
    );
    check(
        Status::timeout("request did not complete within requested timeout", 0),
        504,
        "Timeout: request did not complete within requested timeout",
    );
}

#[test]
fn an_expired_continue_carries_the_token_to_go_on_with() {
    let status = Status::continue_expired(Some("abc".into()));
    assert_eq!(serde_json::to_value(&status).unwrap()["metadata"], json!({"continue": "abc"}));
    assert!(status.is_expired() && !status.is_gone());
    assert!(Status::continue_expired(None).message.ends_with("without the continue parameter."));
}

#[test]
fn unknown_reasons_fall_back_to_the_code() {
    let other: Status = serde_json::from_value(json!({"reason": "Strange", "code": 404})).unwrap();
    assert!(other.is_not_found());
    assert_eq!(other.reason, Reason::Other("Strange".into()));
    let known: Status = serde_json::from_value(json!({"reason": "Conflict", "code": 404})).unwrap();
    assert!(!known.is_not_found() && known.is_conflict());
    assert!(!Status::already_exists(&pods(), "x").is_conflict());
}

#[test]
fn clients_are_told_how_long_to_wait() {
    let check = |status: Status, want: Option<u32>| assert_eq!(status.retry_after_seconds(), want);
    check(Status::too_many_requests("busy", 3), Some(3));
    check(Status::server_timeout(&pods(), "get", 0), Some(0));
    check(Status::not_found(&pods(), "x"), None);
    check(Status::bad_request("x"), None);
}

#[test]
fn responses_without_a_status_get_upstreams_texts() {
    let check = |code: u16, method: &str, name: &str, want_reason: Reason, want: &str| {
        let resource = pods();
        let response =
            Response { code, method, resource: &resource, name, body: "text", retry_after_seconds: 0 };
        let status = Status::from_response(&response, true);
        assert_eq!((status.reason.clone(), status.message.as_str()), (want_reason, want));
        assert!(status.has_cause("UnexpectedServerResponse"));
    };
    check(404, "GET", "x", Reason::NotFound, "the server could not find the requested resource (get pods x)");
    check(409, "POST", "", Reason::AlreadyExists, "the server reported a conflict (post pods)");
    check(403, "GET", "", Reason::Forbidden, "text (get pods)");
    check(
        500,
        "GET",
        "",
        Reason::InternalError,
        "an error on the server (\"text\") has prevented the request from succeeding (get pods)",
    );
    check(
        302,
        "GET",
        "",
        Reason::Unknown,
        "the server responded with the status code 302 but did not return more information (get pods)",
    );
}

#[test]
fn of_very_many_errors_some_are_told() {
    let errors: Vec<FieldError> =
        (0..20_000).map(|index| FieldError::required(&Path::new("list").index(index), "")).collect();
    let status = Status::invalid(&GroupKind::new("", "Pod"), "x", &errors);
    assert_eq!(status.causes().len(), 10_000);
    assert!(status.message.ends_with(", list[9999]: Required value]"));
}
