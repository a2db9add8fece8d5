//! kubeconfigs written, read back, and read from others.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::issue::{LEAF_LIFETIME, Template};
use crate::key::PrivateKey;
use crate::subject::Subject;
use crate::testing::{ca, now, serial};

const SERVER: &str = "https://10.0.0.1:6443";

/// PEM of a CA, and of a client certificate of it with its key.
fn material() -> (String, Credential) {
    let ca = ca("kubernetes");
    let key = PrivateKey::generate().unwrap();
    let template = Template::client(Subject::new("kubernetes-admin", &["system:masters"]));
    let client = ca.issue(&template, key.public_key(), LEAF_LIFETIME, now(), serial(2)).unwrap();
    let credential = Credential::Certificate { certificate: client.to_pem(), key: key.to_pem() };
    (ca.certificate().to_pem(), credential)
}

fn no_files(path: &Path) -> io::Result<Vec<u8>> {
    panic!("read {}", path.display())
}

fn resolve(text: &str, context: Option<&str>) -> Result<Connection, ResolveError> {
    Kubeconfig::from_yaml(text).unwrap().resolve(context, Path::new("/base"), &no_files)
}

#[test]
fn what_is_written_is_read_back() {
    let (ca, credential) = material();
    for credential in [credential, Credential::Token("a.b.c".into()), Credential::Token("0644".into())] {
        let config = build("ironclad", SERVER, &ca, "kubernetes-admin", &credential);
        let text = config.to_yaml().unwrap();
        assert_eq!(Kubeconfig::from_yaml(&text), Ok(config));
        let connection = resolve(&text, None).unwrap();
        assert_eq!(connection.server, SERVER);
        assert_eq!(connection.trust, ServerTrust::Ca(crate::pem::certificates(ca.as_bytes()).unwrap()));
        match credential {
            Credential::Token(token) => assert_eq!(connection.token, Some(token)),
            _ => assert_eq!(connection.identity.unwrap().0.len(), 1),
        }
    }
}

#[test]
fn kubectl_reads_what_is_written() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skipped: no kubectl here");
        return;
    }
    let (ca, credential) = material();
    let config = build("ironclad", SERVER, &ca, "kubernetes-admin", &credential);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_yaml().unwrap()).unwrap();
    let output = Command::new("kubectl")
        .args(["config", "view", "--raw", "-o", "json", "--kubeconfig"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["current-context"], "kubernetes-admin@ironclad");
    let written = serde_json::to_value(&config).unwrap();
    for path in ["/clusters/0/cluster/certificate-authority-data", "/users/0/user/client-key-data"] {
        assert_eq!(seen.pointer(path), written.pointer(path));
    }
}

#[test]
fn a_kubeconfig_of_others_is_read_leniently() {
    // Unknown fields, nulls, a numeric token, a server without scheme, unused
    // entries that make no sense.
    let text = "
apiVersion: v1
kind: Config
preferences: {colors: true}
extensions: null
clusters:
- {name: c, cluster: {server: 'host:6443/', insecure-skip-tls-verify: true, tls-server-name: api, extensions: []}}
- {name: broken, cluster: null}
users:
- name: u
  user: {token: 123456, client-certificate: '', exec: null}
- name: broken
  user: {client-key-data: '%%%'}
contexts:
- {name: x, context: {cluster: c, user: u, namespace: team}}
- {name: y, context: null}
current-context: x
";
    let connection = resolve(text, None).unwrap();
    assert_eq!(connection.server, "https://host:6443");
    assert_eq!(connection.server_name.as_deref(), Some("api"));
    assert_eq!(connection.trust, ServerTrust::Insecure);
    assert_eq!(connection.token.as_deref(), Some("123456"));
    assert_eq!(connection.namespace, "team");
    assert!(connection.identity.is_none());
}

#[test]
fn files_count_from_the_kubeconfig_and_data_wins_over_them() {
    let (ca, Credential::Certificate { certificate, key }) = material() else { unreachable!() };
    let files: BTreeMap<&str, &str> = [
        ("/base/ca.crt", ca.as_str()),
        ("/base/pki/c.crt", &certificate),
        ("/abs/c.key", &key),
        ("/abs/t", "tok\n"),
    ]
    .into();
    let read = |path: &Path| {
        let text = files.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.as_bytes().to_vec())
    };
    let text = "
clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: ca.crt}}]
users: [{name: u, user: {client-certificate: pki/c.crt, client-key: /abs/c.key, tokenFile: /abs/t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";
    let config = Kubeconfig::from_yaml(text).unwrap();
    let connection = config.resolve(None, Path::new("/base"), &read).unwrap();
    assert!(connection.identity.is_some());
    assert_eq!(connection.token.as_deref(), Some("tok"));
    assert_eq!(connection.token_file.as_deref(), Some(Path::new("/abs/t")));
    assert_eq!(connection.namespace, "default");

    let mut both = config.clone();
    both.clusters[0].cluster.certificate_authority = Some("missing.crt".into());
    let error = both.resolve(None, Path::new("/base"), &read).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /base/missing.crt: entity not found");
    use base64::Engine;
    both.clusters[0].cluster.certificate_authority_data =
        Some(base64::engine::general_purpose::STANDARD.encode(&ca));
    assert!(both.resolve(None, Path::new("/base"), &read).is_ok());
}

#[test]
fn an_error_names_what_is_missing() {
    let check = |edit: &dyn Fn(&mut Kubeconfig), want: &str| {
        let mut config = build("c", SERVER, "", "u", &Credential::Token("t".into()));
        config.clusters[0].cluster.certificate_authority_data = None;
        edit(&mut config);
        let error = config.resolve(None, Path::new(""), &no_files).unwrap_err();
        assert_eq!(error.to_string(), want);
    };
    let data = |text: &str| Some(text.to_owned());
    check(
        &|c| c.current_context.clear(),
        "the kubeconfig has no current-context; name a context (there are: u@c)",
    );
    check(&|c| c.current_context = "z".into(), "context \"z\" is not in the kubeconfig (there are: u@c)");
    check(&|c| c.contexts[0].context.user.clear(), "context \"u@c\" names no user");
    check(&|c| c.clusters.clear(), "cluster \"c\" was not found for context \"u@c\"");
    check(&|c| c.users.clear(), "user \"u\" was not found for context \"u@c\"");
    check(&|c| c.clusters[0].cluster.server.clear(), "no server found for cluster \"c\"");
    check(
        &|c| c.clusters[0].cluster.certificate_authority_data = data("%"),
        "cluster \"c\": certificate-authority-data is not valid base64",
    );
    check(
        &|c| c.clusters[0].cluster.certificate_authority_data = data("eA=="),
        "cluster \"c\": certificate-authority-data: no PEM block of type CERTIFICATE found",
    );
    check(
        &|c| c.users[0].user.client_certificate_data = data("eA=="),
        "user \"u\" has a client certificate but no client-key or client-key-data",
    );
    check(
        &|c| c.users[0].user.client_key_data = data("eA=="),
        "user \"u\" has a client key but no client-certificate or client-certificate-data",
    );
    let advice =
        "which this program does not; give it a token (kubectl create token) or a client certificate instead";
    check(
        &|c| c.users[0].user.exec = Some(Plugin { command: "aws".into(), name: String::new() }),
        &format!("user \"u\" uses the credential program \"aws\", {advice}"),
    );
    check(
        &|c| c.clusters[0].cluster.proxy_url = data("http://p"),
        &format!("cluster \"c\" uses proxy-url, {advice}"),
    );
    check(
        &|c| c.users[0].user.impersonate = data("x"),
        &format!("user \"u\" uses impersonation (as), {advice}"),
    );
}

#[test]
fn what_is_not_a_kubeconfig_is_refused() {
    assert!(Kubeconfig::from_yaml("a: [").is_err());
    assert!(Kubeconfig::from_yaml("- 1").is_err());
    assert!(Kubeconfig::from_yaml("clusters: 7").is_err());
    let error = Kubeconfig::from_yaml("kind: Pod").unwrap_err();
    assert_eq!(error.to_string(), "not a kubeconfig: kind is \"Pod\", want \"Config\"");
    let error = resolve("", None).unwrap_err();
    assert!(error.to_string().starts_with("the kubeconfig has no current-context"), "{error}");
}

#[test]
fn secrets_do_not_reach_a_log() {
    let config = build("c", SERVER, "ca", "u", &Credential::Token("sesame".into()));
    assert!(!format!("{config:?}").contains("sesame"));
    let connection = resolve(&config.to_yaml().unwrap().replace("certificate-authority-data", "x"), None);
    assert!(!format!("{connection:?}").contains("sesame"));
    // Nor through an error that shows the line it stopped at.
    let broken = "users: [{name: u, user: {token: sesame, client-key-data: [sesame]}}]";
    assert!(!Kubeconfig::from_yaml(broken).unwrap_err().to_string().contains("sesame"));
}
