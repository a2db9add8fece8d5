use std::sync::OnceLock;

use ironclad_env::RealEnv;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::token::{TokenSigner, VerificationKey, jwks};
use ironclad_webhook::testing::{Reply, Server};
use serde_json::{Map, Value, json};

use super::*;

/// A configuration with one issuer, of which this is put on top of what every issuer needs.
fn file(extra: Value) -> Value {
    let mut jwt = json!({
        "issuer": { "url": "https://issuer", "audiences": ["kube"] },
        "claimMappings": { "username": { "claim": "sub", "prefix": "" } },
    });
    for (field, value) in extra.as_object().into_iter().flatten() {
        for (inner, value) in value.as_object().into_iter().flatten() {
            jwt[field.as_str()][inner.as_str()] = value.clone();
        }
        if value.is_array() {
            jwt[field.as_str()] = value.clone();
        }
    }
    json!({ "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": [jwt] })
}

fn configuration(extra: Value) -> Result<Configuration, String> {
    let text = file(extra).to_string();
    Configuration::parse(text.as_bytes(), &["https://own".into()]).map_err(|error| error.to_string())
}

fn issuer(extra: Value) -> Issuer {
    configuration(extra).unwrap_or_else(|error| panic!("{error}")).issuers.remove(0)
}

fn claims(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Name, groups, uid and extra as one text; or the refusal.
fn check(extra: Value, given: Value, expected: Result<&str, &str>) {
    let user = claims::user(&issuer(extra.clone()), claims(given.clone()));
    let user = user.map(|user| format!("{} {:?} {} {:?}", user.name, user.groups, user.uid, user.extra));
    assert_eq!(user.as_deref().map_err(String::as_str), expected, "{extra} {given}");
}

#[test]
fn claims_make_a_user() {
    check(json!({}), json!({ "sub": "jane" }), Ok("jane []  {}"));
    check(json!({}), json!({}), Err("parse username claims \"sub\": claim not present"));
    check(
        json!({ "claimMappings": {
            "username": { "claim": "email", "prefix": "oidc:" },
            "groups": { "claim": "roles", "prefix": "r:" },
            "uid": { "claim": "oid" },
        } }),
        json!({ "email": "j@x", "email_verified": true, "roles": ["a", "b"], "oid": "7", "jti": "t" }),
        Ok("oidc:j@x [\"r:a\", \"r:b\"] 7 {\"authentication.kubernetes.io/credential-id\": [\"JTI=t\"]}"),
    );
    let email = || json!({ "claimMappings": { "username": { "claim": "email", "prefix": "" } } });
    check(email(), json!({ "email": "j@x" }), Ok("j@x []  {}"));
    check(email(), json!({ "email": "j@x", "email_verified": false }), Err("email not verified"));
    let role = json!({ "claimMappings": { "groups": { "claim": "role", "prefix": "" } } });
    check(role.clone(), json!({ "sub": "a", "role": "dev" }), Ok("a [\"dev\"]  {}"));
    check(role, json!({ "sub": "a" }), Ok("a []  {}"));
}

#[test]
fn expressions_make_a_user() {
    let mappings = json!({ "claimMappings": {
        "username": { "expression": "'x:' + claims.sub" },
        "groups": { "expression": "claims.?roles.orValue([])" },
        "uid": { "expression": "string(claims.n)" },
        "extra": [
            { "key": "acme.io/team", "valueExpression": "claims.team" },
            { "key": "acme.io/none", "valueExpression": "''" },
        ],
    } });
    check(
        mappings.clone(),
        json!({ "sub": "a", "n": 5, "team": ["t", ""], "roles": ["r"] }),
        Ok("x:a [\"r\"] 5 {\"acme.io/team\": [\"t\"]}"),
    );
    check(mappings, json!({ "sub": "a", "n": 5, "team": "t" }), Ok("x:a [] 5 {\"acme.io/team\": [\"t\"]}"));
    let username =
        |expression: &str| json!({ "claimMappings": { "username": { "expression": expression } } });
    check(
        username("claims.n"),
        json!({ "n": 1 }),
        Err("error evaluating username claim expression: username claim expression must return a string"),
    );
    check(username("claims.n"), json!({ "n": "" }), Err("empty username via CEL expression is not allowed"));
    check(
        username("claims.n"),
        json!({}),
        Err(
            "error evaluating username claim expression: expression 'claims.n' resulted in error: no such key: n",
        ),
    );
}

#[test]
fn rules_refuse() {
    let rules = json!({
        "claimValidationRules": [
            { "claim": "hd", "requiredValue": "acme" },
            { "expression": "claims.exp - claims.iat <= 3600", "message": "too long" },
        ],
        "userValidationRules": [
            { "expression": "!user.username.startsWith('system:')", "message": "reserved" },
            { "expression": "user.groups.all(g, g != 'bad')", "message": "bad group" },
        ],
        "claimMappings": { "groups": { "claim": "g", "prefix": "" } },
    });
    let good = json!({ "sub": "a", "hd": "acme", "iat": 0, "exp": 10 });
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        claims
    };
    check(rules.clone(), good.clone(), Ok("a []  {}"));
    check(
        rules.clone(),
        with("hd", "other".into()),
        Err("required claim hd value does not match. Got = other, want = acme"),
    );
    check(
        rules.clone(),
        with("exp", 3601.into()),
        Err(
            "error evaluating claim validation expression: validation expression 'claims.exp - claims.iat <= 3600' failed: too long",
        ),
    );
    check(
        rules.clone(),
        with("sub", "system:a".into()),
        Err(
            "error evaluating user info validation rule: validation expression '!user.username.startsWith('system:')' failed: reserved",
        ),
    );
    check(
        rules,
        with("g", json!(["ok", "bad"])),
        Err(
            "error evaluating user info validation rule: validation expression 'user.groups.all(g, g != 'bad')' failed: bad group",
        ),
    );
}

#[test]
fn a_token_is_for_somebody_and_for_a_time() {
    let issuer = issuer(json!({ "issuer": { "audiences": ["a", "b"], "audienceMatchPolicy": "MatchAny" } }));
    let now = jiff::Timestamp::from_second(1_000_000).expect("a time");
    let check = |value: Value, good: bool| {
        let got = claims::check_token(&issuer, &claims(value.clone()), now);
        assert_eq!(got.is_ok(), good, "{value} {got:?}");
    };
    check(json!({ "aud": "b", "exp": 1_000_000 }), true);
    check(json!({ "aud": ["c", "a"], "exp": 1_000_001.5 }), true);
    check(json!({ "aud": "c", "exp": 1_000_001 }), false);
    check(json!({ "exp": 1_000_001 }), false);
    check(json!({ "aud": "a", "exp": 999_999 }), false);
    check(json!({ "aud": "a" }), false);
    check(json!({ "aud": "a", "exp": 2_000_000, "nbf": 1_000_300 }), true);
    check(json!({ "aud": "a", "exp": 2_000_000, "nbf": 1_000_301 }), false);
}

#[test]
fn mistakes_are_told_by_their_field() {
    let check = |extra: Value, expected: &str| {
        assert_eq!(configuration(extra.clone()).err().as_deref(), Some(expected), "{extra}");
    };
    check(json!({ "issuer": { "url": "" } }), "jwt[0].issuer.url: Required value");
    check(
        json!({ "issuer": { "url": "http://u@issuer?q#f" } }),
        "jwt[0].issuer.url: Invalid value: \"http://u@issuer?q#f\": URL scheme must be https; \
         jwt[0].issuer.url: Invalid value: \"http://u@issuer?q#f\": URL must not contain a username or password; \
         jwt[0].issuer.url: Invalid value: \"http://u@issuer?q#f\": URL must not contain a query; \
         jwt[0].issuer.url: Invalid value: \"http://u@issuer?q#f\": URL must not contain a fragment",
    );
    check(
        json!({ "issuer": { "url": "https://own" } }),
        "jwt[0].issuer.url: Invalid value: \"https://own\": URL must not overlap with disallowed issuers: [https://own]",
    );
    check(
        json!({ "issuer": { "audiences": ["a", "a"] } }),
        "jwt[0].issuer.audiences[1]: Duplicate value: \"a\"; \
         jwt[0].issuer.audienceMatchPolicy: Invalid value: \"\": audienceMatchPolicy must be MatchAny for multiple audiences",
    );
    check(
        json!({ "claimMappings": { "username": { "claim": "a" } } }),
        "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing",
    );
    check(
        json!({ "claimMappings": { "username": { "expression": "claims.email" } } }),
        "jwt[0].claimMappings.username.expression: Invalid value: \"claims.email\": claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression",
    );
    check(
        json!({ "claimMappings": { "extra": [{ "key": "kubernetes.io/A", "valueExpression": "'a'" }] } }),
        "jwt[0].claimMappings.extra[0].key: Invalid value: \"kubernetes.io/A\": must be lowercase; \
         jwt[0].claimMappings.extra[0].key: Invalid value: \"kubernetes.io/A\": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use",
    );
    check(
        json!({ "claimValidationRules": [{ "expression": "1" }] }),
        "jwt[0].claimValidationRules[0].expression: Invalid value: \"1\": must evaluate to bool",
    );
    check(
        json!({ "userValidationRules": [{ "expression": "user.nobody" }] }),
        "jwt[0].userValidationRules[0].expression: Invalid value: \"user.nobody\": compilation failed: ERROR: <input>:1:5: undefined field 'nobody'\n | user.nobody\n | ....^",
    );
}

#[tokio::test]
async fn keys_are_found_and_read_again_when_they_change() {
    let env = RealEnv::shared();
    let keys = [PrivateKey::generate().expect("a key"), PrivateKey::generate().expect("a key")];
    let signed = |url: &str, key: &PrivateKey| {
        let later = env.now().as_second() + 600;
        TokenSigner::new(url, key)
            .sign_claims(&json!({ "iss": url, "sub": "jane", "aud": "kube", "exp": later }))
            .expect("a token")
    };
    let published = jwks(&[VerificationKey::new(keys[0].public_key().clone()).expect("a key")]);
    let url: Arc<OnceLock<String>> = Arc::default();
    let own = url.clone();
    let answer = move |path: &str, _: &Value| match (path, own.get()) {
        ("/keys", _) => Reply::json(&published),
        (_, Some(url)) => Reply::json(&json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })),
        _ => Reply::json(&json!({})),
    };
    let server = Server::start(&env, &[], Box::new(answer)).await;
    let url = url.get_or_init(|| format!("https://{}", server.address));
    let mut issuer = issuer(json!({ "issuer": { "url": url } }));
    issuer.certificate_authority.clone_from(&server.ca_bundle);
    let caller = Caller::new(env.clone(), server.resolver());
    let tokens = JwtTokens::new(env.clone(), &caller, vec![issuer], vec!["https://api".into()]);
    let token = signed(url, &keys[0]);
    let early = tokens.authenticate(&token, &[]).await;
    assert_eq!(early, Err("oidc: authenticator not initialized".into()));
    while tokens.authenticate(&token, &[]).await.is_err() {
        env.sleep(Duration::from_millis(5)).await;
    }
    let found = tokens.authenticate(&token, &[]).await.expect("good").expect("known");
    assert_eq!((found.user.name.as_str(), found.audiences), ("jane", vec!["https://api".to_owned()]));
    assert!(tokens.authenticate(&signed(url, &keys[1]), &[]).await.is_err());
    assert_eq!(tokens.authenticate(&signed("https://other", &keys[0]), &[]).await, Ok(None));
    assert_eq!(tokens.authenticate("opaque", &[]).await, Ok(None));
}
