use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ironclad_api::GroupResource;
use ironclad_engine::codec::AtRest;
use ironclad_env::SimEnv;

use super::*;

const PATH: &[u8] = b"/registry/secrets/web/a";

fn secrets() -> GroupResource {
    GroupResource::new("", "secrets")
}

/// `providers` as `secretbox:NAME=BYTE,NAME=BYTE aesgcm:... identity`: each key is one byte, repeated.
fn file(providers: &str) -> String {
    let provider = |text: &str| {
        let Some((provider, keys)) = text.split_once(':') else { return format!("  - {text}: {{}}\n") };
        let keys = keys.split(',').map(|key| {
            let (name, byte) = key.split_once('=').expect("a key");
            let secret = STANDARD.encode([byte.parse().expect("a byte"); 32]);
            format!("      - name: {name}\n        secret: {secret}\n")
        });
        format!("  - {provider}:\n      keys:\n{}", keys.collect::<String>())
    };
    let providers: String = providers.split(' ').map(provider).collect();
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n{providers}"
    )
}

fn encryption(providers: &str) -> Arc<Encryption> {
    let configuration = Configuration::parse(file(providers).as_bytes()).expect("a configuration");
    Arc::new(Encryption::new(configuration, SimEnv::new(1).shared()))
}

fn sealed(providers: &str, plain: &'static str) -> Bytes {
    encryption(providers).seal(&secrets(), PATH, Bytes::from_static(plain.as_bytes())).expect("sealed")
}

fn opened(providers: &str, path: &[u8], stored: Bytes) -> Result<String, String> {
    let opened = encryption(providers).open(&secrets(), path, stored);
    opened.map(|plain| String::from_utf8_lossy(&plain).into_owned()).map_err(|error| error.to_string())
}

#[test]
fn what_is_sealed_is_read_again_and_shows_nothing() {
    let check = |provider: &str, prefix: &str, overhead: usize| {
        for plain in ["", "{}", "a text of more than one block of sixteen bytes"] {
            let sealed = sealed(provider, plain);
            assert!(sealed.starts_with(prefix.as_bytes()), "{provider}");
            let padding = if provider.starts_with("aescbc") { 16 - plain.len() % 16 } else { 0 };
            assert_eq!(sealed.len(), prefix.len() + overhead + plain.len() + padding, "{provider}");
            assert_eq!(opened(provider, PATH, sealed), Ok(plain.to_owned()), "{provider}");
        }
    };
    check("secretbox:k=1", "k8s:enc:secretbox:v1:k:", 40);
    check("aesgcm:k=1", "k8s:enc:aesgcm:v1:k:", 28);
    check("aescbc:k=1", "k8s:enc:aescbc:v1:k:", 16);
    check("identity", "", 0);
}

/// Made with Python's cryptography: key 32 times 1, nonce or vector of 2, and the text `{"a":1}` at [`PATH`].
#[test]
fn values_that_others_wrote_are_read() {
    let check = |provider: &str, prefix: &str, nonce: usize, rest: &str| {
        let stored = [prefix.as_bytes(), &vec![2; nonce], &STANDARD.decode(rest).expect("base64")].concat();
        assert_eq!(opened(provider, PATH, stored.into()), Ok("{\"a\":1}".to_owned()), "{provider}");
    };
    check("aesgcm:k=1", "k8s:enc:aesgcm:v1:k:", 12, "fPSoa3BmvLf+F+aHzxISopvLOwA6dBg=");
    check("aescbc:k=1", "k8s:enc:aescbc:v1:k:", 16, "3gbKLZ/Qq23OUmJ9Rp/3sg==");
}

#[test]
fn a_value_that_was_changed_or_moved_is_refused() {
    let tampered = |provider: &str| {
        let mut stored = sealed(provider, "{\"a\":1}").to_vec();
        if let Some(last) = stored.last_mut() {
            *last ^= 1;
        }
        opened(provider, PATH, stored.into())
    };
    assert!(tampered("secretbox:k=1").is_err());
    assert!(tampered("aesgcm:k=1").is_err());
    let moved = |provider: &str| opened(provider, b"/registry/secrets/web/b", sealed(provider, "{}"));
    assert_eq!(moved("aesgcm:k=1"), Err("cipher: message authentication failed".to_owned()));
    assert_eq!(moved("secretbox:k=1"), Ok("{}".to_owned()), "upstream binds these to no place either");
    for provider in ["secretbox", "aesgcm", "aescbc"] {
        let short = Bytes::from(format!("k8s:enc:{provider}:v1:k:short"));
        assert!(opened(&format!("{provider}:k=1"), PATH, short).is_err(), "{provider}");
    }
}

#[test]
fn the_first_key_writes_and_all_of_them_read() {
    let check = |wrote: &str, reads: &str, expected: Result<&str, &str>, stale: bool| {
        let stored = sealed(wrote, "{}");
        assert_eq!(encryption(reads).is_stale(&secrets(), &stored), stale, "{wrote} by {reads}");
        assert_eq!(
            opened(reads, PATH, stored),
            expected.map(str::to_owned).map_err(str::to_owned),
            "{wrote} by {reads}"
        );
    };
    check("secretbox:a=1", "secretbox:a=1", Ok("{}"), false);
    check("secretbox:a=1", "secretbox:b=2,a=1", Ok("{}"), true);
    check("secretbox:a=1", "aesgcm:b=2 secretbox:a=1", Ok("{}"), true);
    check("secretbox:a=1", "secretbox:a=2 secretbox:a=1", Ok("{}"), false);
    check("identity", "secretbox:a=1 identity", Ok("{}"), true);
    check("secretbox:a=1", "identity secretbox:a=1", Ok("{}"), true);
    check("identity", "identity secretbox:a=1", Ok("{}"), false);
    check(
        "secretbox:a=1",
        "secretbox:b=2 identity",
        Err("no matching key was found for the provided Secretbox transformer"),
        true,
    );
    check("aescbc:a=1", "aesgcm:b=2", Err("no matching prefix found"), true);
    check("identity", "secretbox:a=1", Err("no matching prefix found"), true);
}

#[test]
fn other_resources_are_stored_as_they_are() {
    let (encryption, pods) = (encryption("secretbox:a=1"), GroupResource::new("", "pods"));
    let plain = Bytes::from_static(b"{}");
    assert_eq!(encryption.seal(&pods, PATH, plain.clone()), Ok(plain.clone()));
    assert_eq!(encryption.open(&pods, PATH, plain.clone()), Ok(plain));
    assert!(encryption.seals(&secrets()) && !encryption.seals(&pods));
    let left = encryption.open(&pods, PATH, Bytes::from_static(b"k8s:enc:secretbox:v1:a:x"));
    assert!(left.is_err(), "a resource that left the configuration too early");
}

/// As upstream: what stands in several entries is written by the first and read by all.
#[test]
fn entries_of_the_same_resource_are_joined() {
    let one = file("secretbox:a=1");
    let (_, other) = one.split_once("resources:\n").expect("entries");
    let other = other.replace("name: a", "name: b").replace("[secrets]", "[configmaps, secrets]");
    let configuration = Configuration::parse(format!("{one}{other}").as_bytes()).expect("a configuration");
    let both = Encryption::new(configuration, SimEnv::new(1).shared());
    let maps = GroupResource::new("", "configmaps");
    let check = |resource: &GroupResource, wrote: &str, expected: bool| {
        let opened = both.open(resource, PATH, sealed(wrote, "{}"));
        assert_eq!(opened.is_ok(), expected, "{resource} {wrote}");
    };
    check(&secrets(), "secretbox:a=1", true);
    check(&secrets(), "secretbox:b=1", true);
    check(&maps, "secretbox:b=1", true);
    check(&maps, "secretbox:a=1", false);
    let written = both.seal(&secrets(), PATH, Bytes::from_static(b"{}")).expect("sealed");
    assert!(written.starts_with(b"k8s:enc:secretbox:v1:a:"));
}

#[test]
fn the_standard_file_encrypts_secrets() {
    let configuration = Configuration::parse(standard("key1", &[7; 32]).as_bytes()).expect("a configuration");
    let encryption = Arc::new(Encryption::new(configuration, SimEnv::new(1).shared()));
    let sealed = encryption.seal(&secrets(), PATH, Bytes::from_static(b"{}")).expect("sealed");
    assert!(sealed.starts_with(b"k8s:enc:secretbox:v1:key1:"));
    assert_eq!(encryption.open(&secrets(), PATH, Bytes::from_static(b"{}")), Ok(Bytes::from_static(b"{}")));
}

#[test]
fn mistakes_are_told_by_their_field_and_without_secrets() {
    let check = |text: &str, expected: &str| {
        let text = format!("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n{text}");
        let error = Configuration::parse(text.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(error.unwrap_or_default(), expected, "{text}");
    };
    check("resources: []", "resources: Required value: at least one resources is required");
    check(
        "resources: [{resources: [], providers: []}]",
        "resources[0].resources: Required value: at least one resources[0].resources is required; resources[0].providers: Required value: at least one resources[0].providers is required",
    );
    check(
        "resources: [{resources: [secrets], providers: [{}]}]",
        "resources[0].providers[0]: Invalid value: \"REDACTED\": provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity",
    );
    check(
        "resources: [{resources: [secrets], providers: [{identity: {}, secretbox: {keys: []}}]}]",
        "resources[0].providers[0]: Invalid value: \"REDACTED\": more than one provider specified in a single element, should split into different list elements",
    );
    check(
        "resources: [{resources: [secrets], providers: [{secretbox: {keys: [{name: a, secret: c2hvcnQ=}, {secret: '%'}, {name: b}]}}]}]",
        "resources[0].providers[0].secretbox.keys[0].secret: Invalid value: \"REDACTED\": secret is not of the expected length, got 5, expected one of [32]; \
         resources[0].providers[0].secretbox.keys[1].name: Required value: name is a mandatory field for a key; \
         resources[0].providers[0].secretbox.keys[1].secret: Invalid value: \"REDACTED\": secrets must be base64 encoded; \
         resources[0].providers[0].secretbox.keys[2].secret: Required value: secret is a mandatory field for a key",
    );
}

#[test]
fn services_are_checked_as_upstream_checks_them() {
    let check = |settings: &str, expected: &str| {
        let text = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{{resources: [secrets], \
             providers: [{{kms: {{{settings}}}}}]}}]"
        );
        let error = Configuration::parse(text.as_bytes()).err().map(|error| error.to_string());
        let expected = expected.replace("KMS.", "resources[0].providers[0].kms.");
        assert_eq!(error.unwrap_or_default(), expected, "{settings}");
    };
    check("apiVersion: v2, name: a, endpoint: 'unix:///run/a.sock'", "");
    check("apiVersion: v2, name: a, endpoint: 'unix:///@a', timeout: 1m", "");
    check(
        "apiVersion: v2, timeout: 0s",
        "KMS.name: Required value: name is a mandatory field for a provider; \
         KMS.timeout: Invalid value: \"0s\": timeout should be a positive value; \
         KMS.endpoint: Invalid value: \"\": endpoint is a mandatory field for a kms",
    );
    check(
        "apiVersion: v2, name: 'a:b', endpoint: 'tcp://a:1', cachesize: 5",
        "KMS.name: Invalid value: \"a:b\": invalid KMS provider name a:b, must not contain ':'; \
         KMS.endpoint: Invalid value: \"tcp://a:1\": unsupported scheme \"tcp\" for KMS provider, only unix is supported; \
         KMS.cachesize: Invalid value: 5: cachesize is not supported in v2",
    );
    check(
        "apiVersion: v3, name: a, endpoint: 'unix:///a'",
        "KMS.apiVersion: Invalid value: \"v3\": unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported",
    );
    check(
        "name: a, endpoint: 'unix:///a'",
        "KMS.apiVersion: Invalid value: \"v1\": KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.",
    );
}
