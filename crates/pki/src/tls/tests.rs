//! Handshakes in memory.

use std::io::{Read, Write};

use jiff::Timestamp;
use rustls::{ClientConnection, ServerConnection};
use rustls_pki_types::{PrivateKeyDer, ServerName};

use super::*;
use crate::ca::CertificateAuthority;
use crate::issue::{LEAF_LIFETIME, Template};
use crate::key::PrivateKey;
use crate::subject::Subject;
use crate::testing::serial;

/// rustls asks the machine for the time, so these certificates are valid today.
fn now() -> Timestamp {
    Timestamp::now()
}

fn ca(name: &str) -> CertificateAuthority {
    CertificateAuthority::generate(name, now(), serial(1)).unwrap()
}

fn slot(ca: &CertificateAuthority, template: &Template) -> Arc<CertificateSlot> {
    let (chain, key) = identity(ca, template);
    CertificateSlot::new(chain, key).unwrap()
}

fn identity(
    ca: &CertificateAuthority,
    template: &Template,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivateKey::generate().unwrap();
    let certificate = ca.issue(template, key.public_key(), LEAF_LIFETIME, now(), serial(2)).unwrap();
    (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.to_pkcs8()))
}

fn server_template() -> Template {
    Template::server(Subject::new("api", &[]), vec!["api".into()], vec!["127.0.0.1".parse().unwrap()])
}

fn user(name: &str) -> Template {
    Template::client(Subject::new(name, &["dev"]))
}

/// Runs a handshake and an exchange; returns what each side learned.
fn connect(
    client: ClientConfig,
    server: &Arc<ServerConfig>,
    name: &'static str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(server.clone()).unwrap();
    client.writer().write_all(b"ping").unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    let mut got = [0; 4];
    server.reader().read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
    Ok((client, server))
}

fn roots(ca: &CertificateAuthority) -> Trust {
    Trust::Roots(vec![ca.certificate().der().clone()])
}

#[test]
fn any_client_certificate_passes_the_handshake_and_is_judged_afterwards() {
    let (ours, theirs) = (ca("kubernetes"), ca("theirs"));
    let pool = CaPool::new(std::slice::from_ref(ours.certificate())).unwrap();
    // Without hints: a client shows whatever it has.
    let server = Arc::new(server_config(slot(&ours, &server_template()), &[]).unwrap());
    let check = |identity: Option<Arc<CertificateSlot>>, want: Option<Result<&str, ()>>| {
        let client = client_config(&roots(&ours), identity, HTTP).unwrap();
        let (_, server) = connect(client, &server, "api").unwrap();
        let chain = server.peer_certificates();
        let verified = chain.map(|chain| pool.verify_client(chain, now()).map(|who| who.common_name));
        assert_eq!(verified.map(|v| v.map_err(|_| ())), want.map(|w| w.map(str::to_owned)));
    };
    check(None, None);
    check(Some(slot(&ours, &user("jane"))), Some(Ok("jane")));
    check(Some(slot(&theirs, &user("jane"))), Some(Err(())));
    check(Some(slot(&ours, &server_template())), Some(Err(())));
}

#[test]
fn http2_is_preferred_and_http1_can_be_insisted_on() {
    let ca = ca("kubernetes");
    let pool = CaPool::new(std::slice::from_ref(ca.certificate())).unwrap();
    let server = Arc::new(server_config(slot(&ca, &server_template()), &[&pool]).unwrap());
    for (alpn, want) in [(HTTP, Some(&b"h2"[..])), (HTTP1, Some(b"http/1.1")), (UNSET, None)] {
        let client = client_config(&roots(&ca), None, alpn).unwrap();
        let (client, server) = connect(client, &server, "127.0.0.1").unwrap();
        assert_eq!((client.alpn_protocol(), server.alpn_protocol()), (want, want));
    }
}

#[test]
fn a_client_believes_only_its_roots_and_the_right_name() {
    let (ours, theirs) = (ca("kubernetes"), ca("theirs"));
    let server = Arc::new(server_config(slot(&ours, &server_template()), &[]).unwrap());
    let check = |trust: Trust, name: &'static str, want: bool| {
        let client = client_config(&trust, None, HTTP).unwrap();
        assert_eq!(connect(client, &server, name).is_ok(), want, "{name}");
    };
    check(roots(&ours), "api", true);
    check(roots(&ours), "127.0.0.1", true);
    check(roots(&ours), "other", false);
    check(roots(&theirs), "api", false);
    check(Trust::Insecure, "other", true);
    assert_eq!(client_config(&Trust::Roots(vec![]), None, HTTP).unwrap_err(), TlsError::NoRoots);
}

#[test]
fn a_replaced_certificate_is_used_from_the_next_handshake_on() {
    let ca = ca("kubernetes");
    let slot = slot(&ca, &server_template());
    let server = Arc::new(server_config(slot.clone(), &[]).unwrap());
    let seen = || {
        let client = client_config(&roots(&ca), None, HTTP).unwrap();
        connect(client, &server, "api").unwrap().0.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let first = seen();
    let (chain, key) = identity(&ca, &server_template());
    slot.replace(chain.clone(), key).unwrap();
    assert_eq!(seen(), chain[0]);
    assert_ne!(seen(), first);

    // Halves that do not belong together change nothing.
    let (_, foreign_key) = identity(&ca, &server_template());
    assert!(matches!(slot.replace(vec![first], foreign_key), Err(TlsError::Identity(_))));
    assert_eq!(slot.chain(), chain);
}
