//! `apiserver.config.k8s.io TracingConfiguration`, upstream's file.

use std::path::PathBuf;

use ironclad_api::{FieldError, Path, field, go_url};
use serde::Deserialize;

const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"];
const KIND: &str = "TracingConfiguration";
const ENDPOINT: &str = "localhost:4317";
const MILLION: i32 = 1_000_000;

/// What a file says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    pub endpoint: Endpoint,
    /// Of a million requests that nobody else traces, so many are.
    pub per_million: u32,
}

/// Where the collector listens; the connection is not encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `host:port`
    Tcp(String),
    /// A path, or `@NAME` for a socket without a file.
    Unix(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationError(String);

impl std::error::Error for ConfigurationError {}

impl std::fmt::Display for ConfigurationError {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.0)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    api_version: String,
    kind: String,
    endpoint: Option<String>,
    sampling_rate_per_million: Option<i32>,
}

impl Configuration {
    /// Reads a file in YAML or JSON.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigurationError> {
        let decoded =
            ironclad_api::yaml::decode(text).map_err(|error| ConfigurationError(error.converting()))?;
        if let Some(twice) = decoded.strict_error() {
            return Err(ConfigurationError(twice));
        }
        let file: File =
            serde_json::from_value(decoded.value).map_err(|error| ConfigurationError(error.to_string()))?;
        if !VERSIONS.contains(&file.api_version.as_str()) || file.kind != KIND {
            let found = format!("{}, kind {}", file.api_version, file.kind);
            return Err(ConfigurationError(format!(
                "it is of {found}, and must be of {}, kind {KIND}",
                VERSIONS[0]
            )));
        }
        file.checked()
    }
}

impl File {
    fn checked(self) -> Result<Configuration, ConfigurationError> {
        let mut errors = Vec::new();
        let path = Path::new("samplingRatePerMillion");
        let rate = self.sampling_rate_per_million.unwrap_or(0);
        if rate < 0 {
            errors.push(FieldError::invalid(&path, rate, "sampling rate must be positive"));
        }
        if rate > MILLION {
            let why = "sampling rate per million must be less than or equal to one million";
            errors.push(FieldError::invalid(&path, rate, why));
        }
        let text = self.endpoint.as_deref().unwrap_or(ENDPOINT);
        let endpoint = endpoint(text, &mut errors);
        match (endpoint, field::aggregate(&errors)) {
            (Some(endpoint), None) => {
                Ok(Configuration { endpoint, per_million: u32::try_from(rate).unwrap_or(0) })
            }
            (_, why) => Err(ConfigurationError(why.unwrap_or_default())),
        }
    }
}

fn endpoint(text: &str, errors: &mut Vec<FieldError>) -> Option<Endpoint> {
    let path = Path::new("endpoint");
    let full = if text.contains("//") { text.to_owned() } else { format!("dns://{text}") };
    let url = match go_url::parse(&full) {
        Ok(url) => url,
        Err(error) => {
            let why = format!("parse {}: {error}", ironclad_api::goprint::quote(&full));
            errors.push(FieldError::invalid(&path, full.as_str(), why));
            return None;
        }
    };
    match url.scheme.as_str() {
        // `dns:///host:port` names no DNS server, `dns://host:port` is what people write.
        "dns" if url.path.len() > 1 => Some(Endpoint::Tcp(url.path.trim_start_matches('/').to_owned())),
        "dns" => Some(Endpoint::Tcp(url.host.to_owned())),
        "unix" => Some(Endpoint::Unix(url.path.into())),
        "unix-abstract" => Some(Endpoint::Unix(format!("@{}", url.path.trim_start_matches('/')).into())),
        scheme => {
            let why = format!(
                "unsupported scheme: {scheme}.  Options are none, dns, unix, or unix-abstract.  See \
                 https://github.com/grpc/grpc/blob/master/doc/naming.md"
            );
            errors.push(FieldError::invalid(&path, full.as_str(), why));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(fields: &str) -> Result<Configuration, String> {
        let text =
            format!("{{apiVersion: apiserver.config.k8s.io/v1, kind: TracingConfiguration, {fields}}}");
        Configuration::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn collectors_are_named_as_grpc_names_them() {
        let check = |fields: &str, endpoint: Endpoint, per_million: u32| {
            assert_eq!(parsed(fields), Ok(Configuration { endpoint, per_million }), "{fields}");
        };
        let tcp = |text: &str| Endpoint::Tcp(text.to_owned());
        check("", tcp("localhost:4317"), 0);
        check("endpoint: 'collector:4317', samplingRatePerMillion: 100", tcp("collector:4317"), 100);
        check("endpoint: 'dns:///collector:4317'", tcp("collector:4317"), 0);
        check("endpoint: 'unix:///run/otel.sock'", Endpoint::Unix("/run/otel.sock".into()), 0);
        check("endpoint: 'unix-abstract:///otel'", Endpoint::Unix("@otel".into()), 0);
    }

    #[test]
    fn mistakes_are_told_as_upstream_tells_them() {
        let check = |fields: &str, expected: &str| {
            assert_eq!(parsed(fields).err().unwrap_or_default(), expected, "{fields}");
        };
        check(
            "samplingRatePerMillion: -1",
            "samplingRatePerMillion: Invalid value: -1: sampling rate must be positive",
        );
        check(
            "samplingRatePerMillion: 1000001",
            "samplingRatePerMillion: Invalid value: 1000001: sampling rate per million must be less than or equal to one million",
        );
        check(
            "endpoint: 'http://collector:4317'",
            "endpoint: Invalid value: \"http://collector:4317\": unsupported scheme: http.  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md",
        );
        assert!(Configuration::parse(b"kind: Nothing").is_err());
    }
}
