//! Tokens of service accounts and of other issuers.

use std::sync::OnceLock;

use ironclad_pki::key::PrivateKey;
use ironclad_pki::token::{
    Binding, ForeignKeys, Grant, LegacyToken, ObjectRef, TokenSigner, TokenVerifier, VerificationKey,
    VerifiedToken, jwks, named_issuer,
};
use jiff::Timestamp;

use super::Target;

pub const TARGET: Target = Target {
    name: "jwt",
    promise: "nothing is believed but what was signed",
    check,
    words: &[
        ".",
        "..",
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJFUzI1NiJ9",
        "e30",
        "bnVsbA",
        "=",
        "-",
        "_",
        "{\"keys\":[",
        "\"kty\":\"EC\"",
        "\"kty\":\"RSA\"",
        "\"crv\":\"P-256\"",
        "\"x\":",
        "\"n\":\"\"",
        "\"e\":\"AQAB\"",
        "\"alg\":\"ES256\"",
    ],
    made,
    short_run: 1_500,
};

const ISSUER: &str = "https://kubernetes.default.svc";
const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// One key for all inputs, and what was signed with it.
struct Signed {
    verifier: TokenVerifier,
    published: Vec<u8>,
    foreign: ForeignKeys,
    token: String,
    legacy: String,
    meant: VerifiedToken,
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let key = PrivateKey::generate().expect("a key");
        let verifying = VerificationKey::new(key.public_key().clone()).expect("a key");
        let published = jwks(std::slice::from_ref(&verifying)).to_string().into_bytes();
        let foreign = ForeignKeys::parse(&published).expect("keys");
        let verifier = TokenVerifier {
            issuers: vec![ISSUER.into()],
            api_audiences: vec![ISSUER.into()],
            keys: vec![verifying],
        };
        let grant = Grant {
            namespace: "default".into(),
            service_account: ObjectRef { name: "robot".into(), uid: "1-2-3".into() },
            binding: Binding::None,
            audiences: vec![ISSUER.into()],
            expiration_seconds: 3600,
            warn_after_seconds: None,
        };
        let signer = TokenSigner::new(ISSUER, &key);
        let token = signer.sign(&grant, "4-5-6", NOW).expect("a token");
        let legacy = LegacyToken {
            namespace: "default".into(),
            service_account_name: "robot".into(),
            service_account_uid: "1-2-3".into(),
            secret_name: "robot-token".into(),
        };
        let legacy = legacy.sign(&signer).expect("a token");
        let meant = verifier.verify(&token, None, NOW).expect("believed");
        Signed { verifier, published, foreign, token, legacy, meant }
    })
}

fn check(input: &[u8]) {
    let signed = signed();
    let text = String::from_utf8_lossy(input);
    drop(named_issuer(&text));
    if let Ok(verified) = signed.verifier.verify(&text, None, NOW) {
        assert_eq!(verified, signed.meant);
    }
    if let Ok(legacy) = LegacyToken::verify(&text, &signed.verifier) {
        assert_eq!(legacy.service_account_name, "robot");
    }
    if signed.foreign.open(&text).is_ok() {
        assert!(same_claims(&text, &signed.token) || same_claims(&text, &signed.legacy), "{text:?}");
    }
    if let Ok(keys) = ForeignKeys::parse(input) {
        drop(keys.open(&signed.token));
    }
}

/// Header and claims are what was signed; ECDSA signatures have more than one form.
fn same_claims(left: &str, right: &str) -> bool {
    left.rsplit_once('.').map(|(claims, _)| claims) == right.rsplit_once('.').map(|(claims, _)| claims)
}

fn made() -> Vec<Vec<u8>> {
    let Signed { token, legacy, published, .. } = signed();
    vec![token.clone().into_bytes(), legacy.clone().into_bytes(), published.clone()]
}
