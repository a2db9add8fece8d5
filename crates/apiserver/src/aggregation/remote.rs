//! An `APIService` that names a service, as a route.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{GroupVersion, Object};
use ironclad_pki::pem;
use ironclad_pki::tls::{self, CertificateSlot, Trust};
use serde_json::Value;

/// Where a service without a port listens.
const PORT: u16 = 443;

pub struct Remote {
    /// `v1.example.com`
    pub name: String,
    pub group_version: GroupVersion,
    pub service: Service,
    /// Greater stands before smaller in discovery.
    pub group_priority: u64,
    pub version_priority: u64,
    /// What the object's condition says.
    pub available: bool,
    trust: Trusted,
    /// How to connect, or why nobody can.
    pub tls: Result<Arc<rustls::ClientConfig>, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    pub port: u16,
}

/// How the server's certificate is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trusted {
    /// Base64 of PEM text; empty for the machine's own roots.
    ca_bundle: String,
    insecure: bool,
}

impl Remote {
    /// `None` for what this server serves itself. `old` is what the route was before.
    pub fn of(object: &Object, identity: &Arc<CertificateSlot>, old: Option<&Self>) -> Option<Self> {
        let spec = object.at(&["spec"])?;
        let service = spec.get("service").filter(|service| service.is_object())?;
        let text = |value: &Value, field: &str| {
            value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let port = service.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let number = |field: &str| spec.get(field).and_then(Value::as_u64).unwrap_or_default();
        let trust = Trusted {
            ca_bundle: text(spec, "caBundle"),
            insecure: spec.get("insecureSkipTLSVerify").and_then(Value::as_bool).unwrap_or_default(),
        };
        let tls = match old.filter(|old| old.trust == trust) {
            Some(old) => old.tls.clone(),
            None => trust.config(identity),
        };
        Some(Self {
            name: object.name().to_owned(),
            group_version: group_version(object)?,
            service: Service {
                namespace: text(service, "namespace"),
                name: text(service, "name"),
                port: port.unwrap_or(PORT),
            },
            group_priority: number("groupPriorityMinimum"),
            version_priority: number("versionPriority"),
            available: is_available(object),
            trust,
            tls,
        })
    }

    /// Whether both lead to the same server in the same way.
    pub fn is_like(&self, other: &Self) -> bool {
        self.service == other.service && self.trust == other.trust
    }

    /// What the server's certificate must be for.
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service.name, self.service.namespace)
    }

    /// The path that lists the resources of the group and version.
    pub fn path(&self) -> String {
        let GroupVersion { group, version } = &self.group_version;
        match &**group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        }
    }
}

impl Trusted {
    fn config(&self, identity: &Arc<CertificateSlot>) -> Result<Arc<rustls::ClientConfig>, String> {
        let trust = match (self.insecure, self.ca_bundle.is_empty()) {
            (true, _) => Trust::Insecure,
            (false, true) => Trust::Roots(tls::system_roots()),
            (false, false) => {
                let bundle = STANDARD.decode(&self.ca_bundle).unwrap_or_default();
                let unusable = "unable to load root certificates: unable to parse bytes as PEM block";
                Trust::Roots(pem::certificates(&bundle).map_err(|_| unusable.to_owned())?)
            }
        };
        let config = tls::client_config(&trust, Some(identity.clone()), tls::HTTP1);
        config.map(Arc::new).map_err(|error| error.to_string())
    }
}

/// The group and version that an `APIService` is about.
pub fn group_version(object: &Object) -> Option<GroupVersion> {
    let text = |field: &str| object.at(&["spec", field]).and_then(Value::as_str).unwrap_or_default();
    let version = text("version").to_owned();
    (!version.is_empty()).then(|| GroupVersion::new(text("group").to_owned(), version))
}

fn is_available(object: &Object) -> bool {
    let conditions = object.at(&["status", "conditions"]).and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Available" && condition["status"] == "True")
}
