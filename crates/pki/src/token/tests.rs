//! Tokens against upstream's rules, and one that openssl signed.

use serde_json::{Value, json};

use super::*;
use crate::key::{PrivateKey, PublicKey};
use crate::testing::{self, NOW, later, now};

const ISSUER: &str = "https://kubernetes.default.svc";
const ID: &str = "0e6a2c5f-0d7a-4b2f-9a0e-6b0c2f5d8a11";

fn object(name: &str, uid: &str) -> ObjectRef {
    ObjectRef { name: name.into(), uid: uid.into() }
}

fn key(pem: &str) -> VerificationKey {
    VerificationKey::new(PublicKey::all_from_pem(pem.as_bytes()).unwrap().remove(0)).unwrap()
}

fn private() -> PrivateKey {
    PrivateKey::from_pem(testing::EC_PRIVATE_PKCS8.as_bytes()).unwrap()
}

fn verifier() -> TokenVerifier {
    TokenVerifier {
        issuers: vec![ISSUER.into(), "https://old".into()],
        api_audiences: vec![ISSUER.into(), "api".into()],
        keys: vec![key(testing::EC_PUBLIC), key(testing::RSA_PUBLIC)],
    }
}

fn grant(binding: Binding) -> Grant {
    Grant {
        namespace: "ns".into(),
        service_account: object("builder", "u-1"),
        binding,
        audiences: vec![ISSUER.into()],
        expiration_seconds: 3600,
        warn_after_seconds: None,
    }
}

fn sign(grant: &Grant) -> String {
    TokenSigner::new(ISSUER, &private()).sign(grant, ID, now()).unwrap()
}

fn part(token: &str, index: usize) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(index).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_token_has_exactly_upstreams_claims() {
    let check = |grant: Grant, private: Value| {
        let token = sign(&grant);
        assert_eq!(part(&token, 0), json!({ "alg": "ES256", "kid": testing::EC_KEY_ID }));
        let want = json!({
            "iss": ISSUER, "sub": "system:serviceaccount:ns:builder", "aud": [ISSUER],
            "exp": NOW + 3600, "iat": NOW, "nbf": NOW, "jti": ID, "kubernetes.io": private,
        });
        assert_eq!(part(&token, 1), want);
    };
    let account = json!({ "name": "builder", "uid": "u-1" });
    let (pod, node) = (object("p", "u-2"), object("n", "u-3"));
    let pod_json = json!({ "name": "p", "uid": "u-2" });
    let node_json = json!({ "name": "n", "uid": "u-3" });
    check(grant(Binding::None), json!({ "namespace": "ns", "serviceaccount": account }));
    check(
        grant(Binding::Pod { pod: pod.clone(), node: None }),
        json!({ "namespace": "ns", "serviceaccount": account, "pod": pod_json }),
    );
    check(
        Grant {
            warn_after_seconds: Some(WARN_ONLY_SECONDS),
            ..grant(Binding::Pod { pod, node: Some(node.clone()) })
        },
        json!({ "namespace": "ns", "serviceaccount": account, "pod": pod_json, "node": node_json,
                "warnafter": NOW + 3607 }),
    );
    check(
        grant(Binding::Secret(object("s", "u-4"))),
        json!({ "namespace": "ns", "serviceaccount": account, "secret": { "name": "s", "uid": "u-4" } }),
    );
    check(
        grant(Binding::Node(node)),
        json!({ "namespace": "ns", "serviceaccount": account, "node": node_json }),
    );
}

#[test]
fn a_token_that_openssl_signed_is_believed() {
    let token = verifier().verify(testing::RSA_TOKEN, None, now()).unwrap();
    assert_eq!(token.username(), "system:serviceaccount:ns:builder");
    assert_eq!(token.groups(), ["system:serviceaccounts", "system:serviceaccounts:ns"]);
    assert_eq!(token.binding, Binding::Pod { pod: object("p", "u-2"), node: Some(object("n", "u-3")) });
    assert_eq!(token.expires, Some(NOW + 3600));
    let one = |value: &str| vec![value.to_owned()];
    assert_eq!(
        token.extra(),
        [
            ("authentication.kubernetes.io/pod-name", one("p")),
            ("authentication.kubernetes.io/pod-uid", one("u-2")),
            ("authentication.kubernetes.io/credential-id", one(&format!("JTI={ID}"))),
            ("authentication.kubernetes.io/node-name", one("n")),
            ("authentication.kubernetes.io/node-uid", one("u-3")),
        ]
    );
}

#[test]
fn every_binding_comes_back() {
    for binding in [
        Binding::None,
        Binding::Pod { pod: object("p", "u"), node: None },
        Binding::Pod { pod: object("p", "u"), node: Some(object("n", "v")) },
        Binding::Secret(object("s", "u")),
        Binding::Node(object("n", "u")),
    ] {
        let token = verifier().verify(&sign(&grant(binding.clone())), None, now()).unwrap();
        assert_eq!(token.binding, binding);
    }
}

#[test]
fn times_are_checked_with_a_minutes_leeway() {
    let token = sign(&grant(Binding::None));
    let check = |at: i64, want: Result<(), TokenError>| {
        assert_eq!(verifier().verify(&token, None, later(at)).map(|_| ()), want, "at {at}");
    };
    check(-61, Err(TokenError::NotYetValid));
    check(-60, Ok(()));
    check(3660, Ok(()));
    check(3661, Err(TokenError::Expired));
    assert_eq!(invalid_if_deleted_before(now()), later(-60));
}

#[test]
fn audiences_must_meet() {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let check = |token: &[&str], wanted: Option<&[&str]>, want: Result<&[&str], &str>| {
        let token = sign(&Grant { audiences: list(token), ..grant(Binding::None) });
        let wanted = wanted.map(list);
        let got = verifier().verify(&token, wanted.as_deref(), now());
        let got = got.map(|token| token.audiences).map_err(|error| error.to_string());
        assert_eq!(got, want.map(list).map_err(str::to_owned));
    };
    check(&["api"], None, Ok(&["api"]));
    check(&["x", "api", "y"], Some(&["y", "x"]), Ok(&["x", "y"]));
    // A token without audiences is for the API server.
    check(&[], None, Ok(&[ISSUER, "api"]));
    check(
        &["vault"],
        None,
        Err(
            r#"token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc" "api"]"#,
        ),
    );
    check(
        &["api"],
        Some(&["vault"]),
        Err(r#"token audiences ["api"] is invalid for the target audiences ["vault"]"#),
    );
}

#[test]
fn what_is_not_ours_is_left_to_the_next_authenticator() {
    let foreign =
        TokenSigner::new("https://elsewhere", &private()).sign(&grant(Binding::None), ID, now()).unwrap();
    for token in ["", "abc", "a.b", "a.b.c", "a.b.c.d", "{}", "..", &foreign] {
        assert_eq!(verifier().verify(token, None, now()), Err(TokenError::NotOurs), "{token}");
    }
}

#[test]
fn what_is_ours_but_not_genuine_is_refused() {
    let good = sign(&grant(Binding::None));
    let parts: Vec<&str> = good.split('.').collect();
    let other = TokenSigner::new(ISSUER, &PrivateKey::generate().unwrap());
    let unknown_key = other.sign(&grant(Binding::None), ID, now()).unwrap();
    assert_eq!(verifier().verify(&unknown_key, None, now()), Err(TokenError::NoKey));

    // Another key's signature under a known key's id, another token's claims,
    // and "no algorithm".
    let stolen = format!("{}.{}.{}", parts[0], parts[1], unknown_key.rsplit('.').next().unwrap());
    let longer = sign(&Grant { expiration_seconds: 1 << 40, ..grant(Binding::None) });
    let extended = format!("{}.{}.{}", parts[0], longer.split('.').nth(1).unwrap(), parts[2]);
    for token in [stolen, extended] {
        let error = verifier().verify(&token, None, now()).unwrap_err();
        assert!(matches!(error, TokenError::Signature { .. }), "{error:?}");
    }
    let none = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    assert!(verifier().verify(&none, None, now()).is_err());
}

#[test]
fn a_token_without_a_key_id_is_tried_with_every_key() {
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    let key = jsonwebtoken::EncodingKey::from_ec_der(private().to_pkcs8().secret_pkcs8_der());
    let claims = json!({
        "iss": "https://old", "aud": "api", "exp": NOW as f64 + 0.5,
        "kubernetes.io": { "namespace": "ns", "serviceaccount": { "name": "builder" } },
    });
    let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let keys = vec![self::key(testing::RSA_PUBLIC), self::key(testing::EC_PUBLIC)];
    let token = TokenVerifier { keys, ..verifier() }.verify(&token, None, now()).unwrap();
    assert_eq!((token.audiences, token.expires), (vec!["api".to_owned()], Some(NOW)));
}

#[test]
fn a_token_past_its_warning_is_stale() {
    let token = sign(&Grant { warn_after_seconds: Some(100), ..grant(Binding::None) });
    let token = verifier().verify(&token, None, now()).unwrap();
    assert_eq!(token.stale_seconds(later(100)), None);
    assert_eq!(token.stale_seconds(later(107)), Some(7));
}

#[test]
fn tokens_of_secrets_are_their_own_kind() {
    let secret = LegacyToken {
        namespace: "ns".into(),
        service_account_name: "builder".into(),
        service_account_uid: "u-1".into(),
        secret_name: "builder-token".into(),
    };
    let signer = TokenSigner::new(ISSUER, &private());
    let token = secret.sign(&signer).unwrap();
    let want = json!({
        "iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:ns:builder",
        "kubernetes.io/serviceaccount/namespace": "ns",
        "kubernetes.io/serviceaccount/secret.name": "builder-token",
        "kubernetes.io/serviceaccount/service-account.name": "builder",
        "kubernetes.io/serviceaccount/service-account.uid": "u-1",
    });
    assert_eq!(part(&token, 1), want);
    assert_eq!(LegacyToken::verify(&token, &verifier()), Ok(secret.clone()));
    assert_eq!(verifier().verify(&token, None, now()), Err(TokenError::NotOurs));
    assert_eq!(LegacyToken::verify(&sign(&grant(Binding::None)), &verifier()), Err(TokenError::NotOurs));
    let incomplete = LegacyToken { secret_name: String::new(), ..secret }.sign(&signer).unwrap();
    assert_eq!(
        LegacyToken::verify(&incomplete, &verifier()),
        Err(TokenError::Missing { claim: "secretName" })
    );
}

#[test]
fn the_key_set_holds_what_openssl_reads_from_the_keys() {
    let set = jwks(&verifier().keys);
    assert_eq!(
        set["keys"][0],
        json!({
            "use": "sig", "kty": "EC", "kid": testing::EC_KEY_ID, "crv": "P-256", "alg": "ES256",
            "x": "zeRxy9su6kTuT5yX3wbjapBOZV2-yO-kjT5togj2y5Q", "y": "6fE95ll7K0cR-iVtkFkXYkjzXO0Aj8eB8FGIUPHvm-I",
        })
    );
    let rsa = &set["keys"][1];
    assert_eq!((&rsa["kty"], &rsa["alg"], &rsa["e"]), (&json!("RSA"), &json!("RS256"), &json!("AQAB")));
    assert!(rsa["n"].as_str().unwrap().starts_with("iCEhCAuONlER6eFZVlet19qF3kl-zV26me"));
}

#[test]
fn the_provider_document_is_upstreams() {
    let keys = verifier().keys;
    assert_eq!(
        openid_configuration(ISSUER, "https://10.0.0.1:6443/openid/v1/jwks", &keys),
        Ok(json!({
            "issuer": ISSUER,
            "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        }))
    );
    let check = |issuer: &str, uri: &str, want: &str| {
        assert_eq!(openid_configuration(issuer, uri, &keys).unwrap_err().to_string(), want);
    };
    let uri = "https://x/jwks";
    check("", uri, "empty issuer URL");
    check("http://x", uri, "issuer URL must use https scheme, got: http://x");
    check("https://x?a=b", uri, "issuer URL may not include a query, got: https://x?a=b");
    check("https://x#a?b", uri, "issuer URL may not include a fragment, got: https://x#a?b");
    check(ISSUER, "http://x/jwks", "jwksURI requires https scheme, parsed as: http://x/jwks");
}
