//! Where a webhook is and whom it is believed to be, as `clientConfig` fields write it.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use serde::Deserialize;

use crate::error::CallError;

/// The port of a Service or URL that names none.
const HTTPS: u16 = 443;

/// What a connection depends on: two equal endpoints share theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub place: Place,
    /// PEM certificates that the server's must lead to; empty for those of this machine.
    pub ca_bundle: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Url(String),
    /// `path` may be empty.
    Service {
        namespace: String,
        name: String,
        port: u16,
        path: String,
    },
}

/// `clientConfig` of webhook configurations and `webhook.clientConfig` of definitions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientConfig {
    pub url: Option<String>,
    pub service: Option<ServiceReference>,
    /// Base64 of PEM text.
    pub ca_bundle: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServiceReference {
    pub namespace: String,
    pub name: String,
    pub path: Option<String>,
    pub port: Option<i64>,
}

impl ClientConfig {
    /// `None` if it names neither a URL nor a service.
    pub fn endpoint(&self) -> Option<Endpoint> {
        let place = match (&self.service, &self.url) {
            (Some(service), _) => Place::Service {
                namespace: service.namespace.clone(),
                name: service.name.clone(),
                port: service.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(HTTPS),
                path: service.path.clone().unwrap_or_default(),
            },
            (None, Some(url)) => Place::Url(url.clone()),
            (None, None) => return None,
        };
        let encoded = self.ca_bundle.as_deref().unwrap_or_default();
        let ca_bundle = STANDARD.decode(encoded).unwrap_or_default();
        // White space is no bundle, as upstream.
        let blank = ca_bundle.iter().all(u8::is_ascii_whitespace);
        Some(Endpoint { place, ca_bundle: if blank { Vec::new() } else { ca_bundle } })
    }
}

/// An endpoint taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What the server's certificate must be for.
    pub server_name: String,
    pub port: u16,
    /// As it stands in URLs and the Host header.
    pub authority: String,
    /// Begins with a slash.
    pub path: String,
}

impl Endpoint {
    pub(crate) fn parts(&self) -> Result<Parts, CallError> {
        match &self.place {
            Place::Service { namespace, name, port, path } => {
                let server_name = format!("{name}.{namespace}.svc");
                let authority = format!("{server_name}:{port}");
                Ok(Parts { server_name, port: *port, authority, path: clean(path) })
            }
            Place::Url(url) => parts_of_url(url),
        }
    }
}

fn parts_of_url(url: &str) -> Result<Parts, CallError> {
    let unusable = |why: String| CallError::Unusable(format!("Unparsable URL: parse \"{url}\": {why}"));
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| unusable(error.to_string()))?;
    let authority = uri.authority().ok_or_else(|| unusable("it has no host".to_owned()))?;
    if uri.scheme_str() != Some("https") {
        return Err(unusable("it is not an https URL".to_owned()));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    Ok(Parts {
        server_name: host.to_owned(),
        port: authority.port_u16().unwrap_or(HTTPS),
        authority: authority.to_string(),
        path: clean(uri.path()),
    })
}

/// As Go joins paths: one slash in front, none doubled, none behind.
fn clean(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty() && *segment != ".");
    segments.fold(String::new(), |path, segment| path + "/" + segment)
}
