//! Certificates, requests for them, keys, and PEM around them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::time::Duration;

use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::certificate::Certificate;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::issue::Template;
use ironclad_pki::key::{PrivateKey, PublicKey};
use ironclad_pki::pem::{self, Label};
use ironclad_pki::signers::Signer;
use ironclad_pki::subject::Subject;
use ironclad_pki::usage::Usage;
use ironclad_pki::verify::CaPool;
use jiff::Timestamp;

use super::Target;

pub const TARGET: Target = Target {
    name: "x509",
    promise: "nobody is known by a certificate that was not issued; what a request asks for can be issued",
    check,
    words: &[
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\n",
        "-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN PRIVATE KEY-----\n",
        "\x30\x03\x02\x01",
        "\x30\u{0}",
        "\x06\x03\x55\x04\x03",
        "\x0c\x01a",
        "\x04\x01",
        "\x05\0",
        "system:masters",
    ],
    made,
    short_run: 1_500,
};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const SERIAL: [u8; 16] = [7; 16];

struct Issued {
    ca: CertificateAuthority,
    pool: CaPool,
    leaf: Certificate,
    request: String,
    key: PrivateKey,
}

fn issued() -> &'static Issued {
    static ISSUED: OnceLock<Issued> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let ca = CertificateAuthority::generate("fuzz", NOW, SERIAL).expect("a CA");
        let pool = CaPool::new(std::slice::from_ref(ca.certificate())).expect("a pool");
        let key = PrivateKey::generate().expect("a key");
        let client = Template::client(Subject::new("ann", &["a", "b"]));
        let leaf = ca
            .issue(&client, key.public_key(), Duration::from_secs(3600), NOW, SERIAL)
            .expect("a certificate");
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let serving = Template::node_serving("n", vec!["n.example".into()], vec![localhost]);
        let request = CertificateRequest::make(&serving, &key).expect("a request");
        Issued { ca, pool, leaf, request, key }
    })
}

fn check(input: &[u8]) {
    let issued = issued();
    if let Ok(blocks) = pem::blocks(input) {
        for (label, der) in blocks {
            assert_eq!(pem::blocks(pem::encode(label, &der).as_bytes()), Ok(vec![(label, der)]));
        }
    }
    drop((Certificate::all_from_pem(input), PrivateKey::from_pem(input), PublicKey::all_from_pem(input)));
    drop((PublicKey::from_der(input), Subject::from_der(input)));
    if let Ok(certificate) = Certificate::from_der(input.to_vec().into()) {
        drop(CaPool::new(std::slice::from_ref(&certificate)));
        if issued.pool.verify_client(&[certificate.der().clone()], NOW).is_ok() {
            assert_eq!(certificate.der(), issued.leaf.der());
        }
    }
    for request in
        [CertificateRequest::from_pem(input), CertificateRequest::from_der(input)].into_iter().flatten()
    {
        for signer in ["kubernetes.io/kube-apiserver-client", "kubernetes.io/kubelet-serving"] {
            drop(Signer::from_name(signer).map(|signer| signer.check(&request, &[Usage::ClientAuth])));
        }
        let usages = [Usage::ServerAuth];
        let made = issued.ca.sign_request(&request, &usages, Duration::from_secs(600), NOW, SERIAL);
        made.expect("a certificate for the request");
    }
}

fn made() -> Vec<Vec<u8>> {
    let Issued { ca, leaf, request, key, .. } = issued();
    let der = pem::first(Label::Request, request.as_bytes()).expect("one block");
    vec![
        leaf.der().to_vec(),
        ca.certificate().der().to_vec(),
        der,
        request.clone().into_bytes(),
        (leaf.to_pem() + &ca.certificate().to_pem()).into_bytes(),
        key.to_pem().into_bytes(),
        key.public_key().to_pem().into_bytes(),
    ]
}
