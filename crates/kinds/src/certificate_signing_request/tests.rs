use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::issue::Template;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;
use jiff::Timestamp;

use super::*;

fn pem() -> String {
    let key = PrivateKey::generate().expect("a key");
    let template = Template::client(Subject::new("a", &[]));
    STANDARD.encode(CertificateRequest::make(&template, &key).expect("a request"))
}

fn certificate_pem() -> String {
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    CertificateAuthority::generate("a", now, [1; 16]).expect("a CA").certificate().to_pem()
}

fn request(spec: Value, status: Value) -> Object {
    let mut whole = json!({"request": pem(), "signerName": "example.com/signer", "usages": ["any"]});
    if let (Some(whole), Value::Object(spec)) = (whole.as_object_mut(), spec) {
        whole.extend(spec);
    }
    Object::from_value(json!({"spec": whole, "status": status})).expect("an object")
}

fn texts(errors: Vec<FieldError>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(spec: Value, want: &[&str]) {
    assert_eq!(texts(validate::create(&request(spec, json!({})))), want);
}

#[test]
fn requests_are_held_against_upstreams_rules() {
    check(json!({}), &[]);
    check(
        json!({"request": STANDARD.encode("x")}),
        &[r#"spec.request: Invalid value: "eA==": PEM block type must be CERTIFICATE REQUEST"#],
    );
    check(json!({"usages": []}), &["spec.usages: Required value"]);
    check(
        json!({"usages": ["any", "x", "any"]}),
        &[
            r#"spec.usages[1]: Unsupported value: "x": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping""#,
            r#"spec.usages[2]: Duplicate value: "any""#,
        ],
    );
    check(
        json!({"expirationSeconds": 599}),
        &[
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
        ],
    );
}

#[test]
fn signers_are_named_by_a_domain_and_a_path() {
    let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    let check = |name: &str, want: &[&str]| {
        let want: Vec<String> = want.iter().map(|error| format!("spec.signerName: {error}")).collect();
        check(json!({ "signerName": name }), &want.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check("example.com/a.b", &[]);
    check("", &["Required value"]);
    check(
        "example.com",
        &[
            r#"Invalid value: "example.com": must be a fully qualified domain and path of the form 'example.com/signer-name'"#,
        ],
    );
    check(
        "example/a",
        &[r#"Invalid value: "example": should be a domain with at least two segments separated by dots"#],
    );
    check("a.E/a", &[&format!(r#"Invalid value: "a.E": validating label "E": {label}"#)]);
    check(
        "kubernetes.io/legacy-unknown",
        &[
            r#"Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version"#,
        ],
    );
}

#[test]
fn the_requestor_is_whom_the_server_knows() {
    let mut object =
        request(json!({"username": "mallory", "groups": ["system:masters"], "uid": "1"}), json!({}));
    let user = User { name: "alice".into(), groups: vec!["a".into()], ..User::default() };
    set_requestor(&mut object, &user);
    assert_eq!(object.str_at(&["spec", "username"]), "alice");
    assert_eq!(object.at(&["spec", "groups"]), Some(&json!(["a"])));
    assert_eq!(object.at(&["spec", "uid"]), None);
}

#[track_caller]
fn check_update(part: Part, old: Value, new: Value, want: &[&str]) {
    let old = request(json!({}), old);
    let mut updated = old.clone();
    updated.0.insert("status".into(), new);
    assert_eq!(texts(validate::update(&updated, &old, part)), want);
}

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status})
}

#[test]
fn only_the_approval_decides_and_no_decision_is_taken_back() {
    let approved = json!({"conditions": [condition("Approved", "True")]});
    check_update(APPROVAL, json!({}), approved.clone(), &[]);
    check_update(
        Part::Status,
        json!({}),
        approved.clone(),
        &[r#"status.conditions: Forbidden: updates may not add a condition of type "Approved""#],
    );
    check_update(
        APPROVAL,
        approved.clone(),
        json!({}),
        &[r#"status.conditions: Forbidden: updates may not remove a condition of type "Approved""#],
    );
    check_update(
        APPROVAL,
        json!({}),
        json!({"conditions": [condition("Approved", "False"), condition("Denied", "True"), condition("", "x")]}),
        &[
            r#"status.conditions[0].status: Unsupported value: "False": supported values: "True""#,
            r#"status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive"#,
            "status.conditions[2].type: Required value",
            r#"status.conditions[2].status: Unsupported value: "x": supported values: "False", "True", "Unknown""#,
        ],
    );
    check_update(
        APPROVAL,
        json!({}),
        json!({"conditions": [condition("A", "True"), condition("A", "")]}),
        &[
            "status.conditions[1].status: Required value",
            r#"status.conditions[1].type: Duplicate value: "A""#,
        ],
    );
}

#[test]
fn a_certificate_is_set_once_and_by_the_status_only() {
    let issued = |pem: &str| json!({"certificate": STANDARD.encode(pem)});
    let (one, other) = (certificate_pem(), certificate_pem());
    check_update(Part::Status, json!({}), issued(&one), &[]);
    check_update(
        APPROVAL,
        json!({}),
        issued(&one),
        &["status.certificate: Forbidden: updates may not set certificate content"],
    );
    check_update(
        Part::Status,
        issued(&one),
        issued(&other),
        &["status.certificate: Forbidden: updates may not modify existing certificate content"],
    );
    let check = |pem: &str, fault: &str| {
        let want = format!("status.certificate: Invalid value: \"<certificate data>\": {fault}");
        check_update(Part::Status, json!({}), issued(pem), &[&want]);
    };
    check("x", "must contain at least one CERTIFICATE PEM block");
    check(
        &one.replace("CERTIFICATE", "PUBLIC KEY"),
        r#"only CERTIFICATE PEM blocks are allowed, found "PUBLIC KEY""#,
    );
    check(
        &one.replacen("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\na: b\n\n", 1),
        "no PEM block headers are permitted",
    );
}

#[test]
fn times_are_filled_in_and_kept_while_the_status_stays() {
    let mut old = condition("Approved", "True");
    old["lastTransitionTime"] = "2020-01-01T00:00:00Z".into();
    let old = request(json!({}), json!({"conditions": [old]}));
    let mut new =
        request(json!({}), json!({"conditions": [condition("Approved", "True"), condition("A", "True")]}));
    conditions::stamp(&mut new, &old, Timestamp::UNIX_EPOCH);
    let times: Vec<_> = conditions::of(&new)
        .iter()
        .map(|condition| (condition["lastTransitionTime"].clone(), condition["lastUpdateTime"].clone()))
        .collect();
    let now = json!("1970-01-01T00:00:00Z");
    assert_eq!(times, [(json!("2020-01-01T00:00:00Z"), now.clone()), (now.clone(), now)]);
}

#[test]
fn tables_show_what_upstream_shows() {
    let check =
        |status: Value, want: &str| assert_eq!(conditions::summary(&request(json!({}), status)), want);
    check(json!({}), "Pending");
    check(json!({"conditions": [condition("Approved", "True")], "certificate": "x"}), "Approved,Issued");
    check(
        json!({"conditions": [condition("Approved", "True"), condition("Failed", "True")]}),
        "Approved,Failed",
    );
    check(json!({"conditions": [condition("Denied", "True")]}), "Denied");
    assert_eq!(requested_duration(&request(json!({"expirationSeconds": 3600}), json!({}))), "60m");
    assert_eq!(requested_duration(&request(json!({}), json!({}))), NONE);
}
