//! The provider against a service on a real socket.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use ironclad_api::GroupResource;
use ironclad_engine::codec::AtRest;
use ironclad_env::{Env, RealEnv, SimEnv};
use parking_lot::Mutex;
use prost::Message;
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};
use tonic::{Request, Response, Status};

use super::dek::{Dek, derived_bytes};
use super::encrypted::{EncryptedDekSourceType as Kind, EncryptedObject};
use super::envelope::{Source, check_key_id};
use super::provider::State;
use super::v2::key_management_service_server::{KeyManagementService, KeyManagementServiceServer};
use super::v2::*;
use crate::{Configuration, Encryption};

const PATH: &[u8] = b"/registry/secrets/web/a";

/// Wraps by turning every bit; its key's id is part of what it wraps.
struct Service {
    key: Mutex<String>,
    healthz: Mutex<String>,
    unwrapped: Mutex<usize>,
}

impl Default for Service {
    fn default() -> Self {
        Self { key: Mutex::new("1".into()), healthz: Mutex::new("ok".into()), unwrapped: Mutex::default() }
    }
}

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

#[tonic::async_trait]
impl KeyManagementService for Arc<Service> {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let (key_id, healthz) = (self.key.lock().clone(), self.healthz.lock().clone());
        Ok(Response::new(StatusResponse { version: "v2".into(), healthz, key_id }))
    }

    async fn encrypt(&self, request: Request<EncryptRequest>) -> Result<Response<EncryptResponse>, Status> {
        let key_id = self.key.lock().clone();
        let annotations = BTreeMap::from([("key.kms.example.com".to_owned(), key_id.clone().into_bytes())]);
        let ciphertext = turned(&request.into_inner().plaintext);
        Ok(Response::new(EncryptResponse { ciphertext, key_id, annotations }))
    }

    async fn decrypt(&self, request: Request<DecryptRequest>) -> Result<Response<DecryptResponse>, Status> {
        let request = request.into_inner();
        if request.annotations.get("key.kms.example.com") != Some(&request.key_id.into_bytes()) {
            return Err(Status::invalid_argument("invalid annotations"));
        }
        *self.unwrapped.lock() += 1;
        Ok(Response::new(DecryptResponse { plaintext: turned(&request.ciphertext) }))
    }
}

/// Serves at `socket`, connections included, until the task is aborted.
fn serve(service: &Arc<Service>, socket: &Path) -> JoinHandle<()> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).expect("a socket");
    let service = KeyManagementServiceServer::new(service.clone());
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            connections.spawn(async move {
                let server = http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

fn file(name: &str, socket: &Path) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  \
         providers:\n  - kms: {{apiVersion: v2, name: {name}, endpoint: 'unix://{}', timeout: 300ms}}\n  - identity: {{}}\n",
        socket.display()
    )
}

async fn started(file: &str) -> Arc<Encryption> {
    let configuration = Configuration::parse(file.as_bytes()).expect("a configuration");
    let encryption = Arc::new(Encryption::new(configuration, RealEnv::shared()));
    let _ = encryption.look().await;
    encryption
}

fn seal(encryption: &Arc<Encryption>) -> Result<Bytes, String> {
    let sealed = encryption.seal(&secrets(), PATH, Bytes::from_static(b"{}"));
    sealed.map_err(|error| error.to_string())
}

fn open(encryption: &Arc<Encryption>, path: &[u8], stored: &Bytes) -> Result<Bytes, String> {
    encryption.open(&secrets(), path, stored.clone()).map_err(|error| error.to_string())
}

fn secrets() -> GroupResource {
    GroupResource::new("", "secrets")
}

fn at(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("kms.sock")
}

#[tokio::test]
async fn a_service_is_asked_once_for_each_wrapped_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Arc::new(Service::default());
    let _server = serve(&service, &at(&folder));
    let first = started(&file("a", &at(&folder))).await;
    assert_eq!(first.health(), Ok(()));
    let stored = seal(&first).expect("sealed");
    assert!(stored.starts_with(b"k8s:enc:kms:v2:a:"));
    assert_ne!(stored, seal(&first).expect("sealed"), "each object has a key of its own");
    assert_eq!(open(&first, PATH, &stored), Ok(Bytes::from_static(b"{}")));
    assert_eq!(*service.unwrapped.lock(), 0, "what was wrapped here is remembered");
    // The server's own thread blocks on the service, as it does while the cache is filled.
    let second = started(&file("a", &at(&folder))).await;
    let reading = tokio::task::spawn_blocking({
        let (second, stored) = (second.clone(), stored.clone());
        move || [open(&second, PATH, &stored), open(&second, PATH, &stored)]
    });
    assert_eq!(reading.await.expect("read"), [Ok(Bytes::from_static(b"{}")), Ok(Bytes::from_static(b"{}"))]);
    assert_eq!(*service.unwrapped.lock(), 1);
    assert!(!second.is_stale(&secrets(), &stored), "another seed, but the same key");
    let moved = open(&first, b"/registry/secrets/web/b", &stored);
    assert_eq!(moved, Err("cipher: message authentication failed".into()));
}

#[tokio::test]
async fn a_changed_key_makes_what_was_written_before_it_stale() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Arc::new(Service::default());
    let _server = serve(&service, &at(&folder));
    let encryption = started(&file("a", &at(&folder))).await;
    let old = seal(&encryption).expect("sealed");
    "2".clone_into(&mut service.key.lock());
    let _ = encryption.look().await;
    let new = seal(&encryption).expect("sealed");
    let stale = [&old, &new].map(|stored| encryption.is_stale(&secrets(), stored));
    assert_eq!(stale, [true, false]);
    assert!(encryption.is_stale(&secrets(), b"{}"), "what was not encrypted at all");
    assert_eq!(open(&encryption, PATH, &old), Ok(Bytes::from_static(b"{}")));
}

#[tokio::test]
async fn an_unwell_service_is_told_and_its_last_seed_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = at(&folder);
    let service = Arc::new(Service::default());
    let encryption = started(&file("a", &socket)).await;
    let away = encryption.health().expect_err("nobody listens");
    let expected = format!(
        "kms-provider-0: failed to perform status section of the healthz check for KMS Provider a, error: rpc error: code = \
         Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix {}: No such file or \
         directory (os error 2)\"",
        socket.display()
    );
    assert_eq!(away, expected);
    assert_eq!(seal(&encryption), Err("got unexpected nil transformer".into()));
    assert!(
        encryption.is_stale(&secrets(), b"k8s:enc:kms:v2:a:x"),
        "so that a migration fails and does not pass"
    );
    let _server = serve(&service, &socket);
    let _ = encryption.look().await;
    assert_eq!(encryption.health(), Ok(()));
    "broken".clone_into(&mut service.healthz.lock());
    String::new().clone_into(&mut service.key.lock());
    let _ = encryption.look().await;
    assert_eq!(
        encryption.health(),
        Err("kms-provider-0: kmsv2 Provider a is not healthy, error: [got unexpected healthz status: broken, got invalid \
             KMSv2 KeyID hash \"\": keyID is empty]"
            .into())
    );
    assert!(seal(&encryption).is_ok());
}

#[tokio::test]
async fn a_changed_file_is_used_if_its_services_are_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Arc::new(Service::default());
    let _server = serve(&service, &at(&folder));
    let standard = crate::standard("key1", &[7; 32]);
    let encryption = started(&standard).await;
    let before = seal(&encryption).expect("sealed");
    assert_eq!(encryption.health(), Ok(()), "there is no service");
    let both = file("a", &at(&folder)).replace(
        "  - identity: {}",
        &standard
            .lines()
            .filter(|line| line.starts_with("  - secretbox") || line.starts_with("      "))
            .fold(String::new(), |text, line| text + line + "\n"),
    );
    assert_eq!(encryption.reload(both.as_bytes()).await, Ok(()));
    assert!(seal(&encryption).expect("sealed").starts_with(b"k8s:enc:kms:v2:a:"));
    assert!(encryption.is_stale(&secrets(), &before));
    assert_eq!(open(&encryption, PATH, &before), Ok(Bytes::from_static(b"{}")));
    assert!(encryption.reload(b"kind: Nothing").await.is_err());
    assert!(seal(&encryption).is_ok(), "the last good file is in use");
}

#[test]
fn a_seed_may_be_written_with_until_it_expires() {
    let env: Env = SimEnv::new(1).shared();
    let source = source(Kind::HkdfSha256XnonceAesGcmSeed, &[]);
    let expires = "2026-01-01T00:03:00Z".parse().expect("a time");
    let state = State { source, dek: Arc::new(Dek::generate(&env).0), expires };
    let at = |time: &str| state.check(time.parse().expect("a time")).map_err(|error| error.to_string());
    assert_eq!(at("2026-01-01T00:03:00Z"), Ok(()));
    assert_eq!(
        at("2026-01-01T00:03:01Z"),
        Err("encryptedDEKSource with keyID hash \"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\" \
             expired at 2026-01-01T00:03:00Z (current time is 2026-01-01T00:03:01Z)"
            .into())
    );
}

fn source(kind: Kind, annotations: &[(&str, &str)]) -> Source {
    let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    Source { kind, wrapped: b"x".to_vec(), key_id: "1".into(), annotations: annotations.collect() }
}

#[test]
fn stored_values_are_checked() {
    let good = EncryptedObject {
        encrypted_data: b"x".to_vec(),
        key_id: "1".into(),
        encrypted_dek_source: b"x".to_vec(),
        ..EncryptedObject::default()
    };
    let check = |object: EncryptedObject, expected: &str| {
        let error = Source::decode(&object.encode_to_vec()).err().map(|error| error.to_string());
        assert_eq!(error.unwrap_or_default(), expected);
    };
    check(good.clone(), "");
    check(
        EncryptedObject { encrypted_dek_source_type: 2, ..good.clone() },
        "unknown encryptedDEKSourceType: 2",
    );
    check(EncryptedObject { encrypted_data: vec![], ..good.clone() }, "encrypted data is empty");
    check(
        EncryptedObject { encrypted_dek_source: vec![], ..good.clone() },
        "failed to validate encrypted DEK source: encrypted DEK source is empty",
    );
    check(
        EncryptedObject { encrypted_dek_source: vec![0; 1025], ..good.clone() },
        "failed to validate encrypted DEK source: encrypted DEK source is 1025 bytes, which exceeds the max size of 1024",
    );
    check(
        EncryptedObject { key_id: String::new(), ..good.clone() },
        "failed to validate key id: keyID is empty",
    );
    let annotations = BTreeMap::from([("a".to_owned(), vec![])]);
    check(
        EncryptedObject { annotations, ..good.clone() },
        "failed to validate annotations: annotations: Invalid value: \"a\": should be a domain with at least two segments separated by dots",
    );
    let annotations = BTreeMap::from([("a.b".to_owned(), vec![0; 32 * 1024])]);
    check(
        EncryptedObject { annotations, ..good },
        "failed to validate annotations: total size of annotations is 32771, which exceeds the max size of 32768",
    );
    let long = check_key_id(&"x".repeat(1025));
    assert_eq!(long, Err("keyID is 1025 bytes, which exceeds the max size of 1024".into()));
}

/// RFC 5869's first example from its pseudo-random key on, cut to the length that is used here.
#[test]
fn the_key_of_an_object_is_derived_as_the_rfc_says() {
    let bytes = |hex: &str| -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
    };
    let seed = bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let env: Env = SimEnv::new(1).shared();
    let dek = Dek::unwrapped(Kind::HkdfSha256XnonceAesGcmSeed, &seed).expect("a seed");
    let sealed = dek.seal(&env, PATH, b"{}").expect("sealed");
    assert_eq!(sealed.len(), 32 + 12 + 2 + 16);
    assert_eq!(dek.open(PATH, &sealed), Ok(Bytes::from_static(b"{}")));
    // OKM of the example: what an object's key is with the example's info.
    let okm = bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    let info = bytes("f0f1f2f3f4f5f6f7f8f9");
    let key = match &dek {
        Dek::Seed(seed) => derived_bytes(seed, &info),
        Dek::Key(_) => None,
    };
    assert_eq!(key.map(Vec::from), Some(okm));
    let legacy = Dek::unwrapped(Kind::AesGcmKey, &[7; 32]).expect("a key");
    let sealed = legacy.seal(&env, PATH, b"{}").expect("sealed");
    assert_eq!(legacy.open(PATH, &sealed), Ok(Bytes::from_static(b"{}")));
    let short = Dek::unwrapped(Kind::HkdfSha256XnonceAesGcmSeed, &[7; 31]).err().map(|e| e.to_string());
    assert_eq!(short.as_deref(), Some("invalid seed length 31 used for key generation"));
}
