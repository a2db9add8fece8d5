//! What the built-in signers of the certificates API accept, with upstream's
//! texts (`pkg/apis/certificates/helpers.go`, `pkg/controller/certificates/signer`).

use std::collections::BTreeSet;

use thiserror::Error;

use crate::csr::CertificateRequest;
use crate::usage::Usage;

/// The signers that a cluster serves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Clients of the API server.
    ApiServerClient,
    /// Nodes as clients of the API server.
    ApiServerClientKubelet,
    /// The serving certificates of nodes.
    KubeletServing,
    /// Anything, trusted by nobody in particular.
    LegacyUnknown,
}

/// Why a signer will not sign a request. `Display` goes into the
/// `SignerValidationFailure` condition.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignerError {
    #[error("subject organization is not system:nodes")]
    OrganizationNotSystemNodes,
    #[error("subject common name does not begin with system:node:")]
    CommonNameNotSystemNode,
    #[error("DNS or IP subjectAltName is required")]
    DnsOrIpRequired,
    #[error("DNS subjectAltNames are not allowed")]
    DnsNotAllowed,
    #[error("Email subjectAltNames are not allowed")]
    EmailNotAllowed,
    #[error("IP subjectAltNames are not allowed")]
    IpNotAllowed,
    #[error("URI subjectAltNames are not allowed")]
    UriNotAllowed,
    #[error("usages did not match {}", go_list(wanted))]
    Usages { wanted: Vec<Usage> },
    #[error("invalid usage for client certificate: {0}")]
    InvalidClientUsage(Usage),
    #[error("missing required usage for client certificate: client auth")]
    MissingClientAuth,
}

/// A sorted list as Go's `%v` prints it.
fn go_list(usages: &[Usage]) -> String {
    let mut names: Vec<&str> = usages.iter().map(|usage| usage.name()).collect();
    names.sort_unstable();
    format!("[{}]", names.join(" "))
}

// === impl Signer ===

impl Signer {
    /// The signer named in `spec.signerName`, if it is one of the cluster's own.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Signer::ApiServerClient,
            Signer::ApiServerClientKubelet,
            Signer::KubeletServing,
            Signer::LegacyUnknown,
        ]
        .into_iter()
        .find(|signer| signer.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Signer::ApiServerClient => "kubernetes.io/kube-apiserver-client",
            Signer::ApiServerClientKubelet => "kubernetes.io/kube-apiserver-client-kubelet",
            Signer::KubeletServing => "kubernetes.io/kubelet-serving",
            Signer::LegacyUnknown => "kubernetes.io/legacy-unknown",
        }
    }

    /// Whether this signer would sign `request` for `usages`.
    pub fn check(self, request: &CertificateRequest, usages: &[Usage]) -> Result<(), SignerError> {
        match self {
            Signer::ApiServerClient => check_client_usages(usages),
            Signer::ApiServerClientKubelet => check_node_client(request, usages),
            Signer::KubeletServing => check_node_serving(request, usages),
            Signer::LegacyUnknown => Ok(()),
        }
    }
}

fn check_client_usages(usages: &[Usage]) -> Result<(), SignerError> {
    let allowed = [Usage::DigitalSignature, Usage::KeyEncipherment, Usage::ClientAuth];
    if let Some(&other) = usages.iter().find(|usage| !allowed.contains(usage)) {
        return Err(SignerError::InvalidClientUsage(other));
    }
    require(usages.contains(&Usage::ClientAuth), SignerError::MissingClientAuth)
}

fn check_node_client(request: &CertificateRequest, usages: &[Usage]) -> Result<(), SignerError> {
    let (subject, sans) = (&request.subject, &request.sans);
    require(subject.organizations == ["system:nodes"], SignerError::OrganizationNotSystemNodes)?;
    require(sans.dns.is_empty(), SignerError::DnsNotAllowed)?;
    require(sans.emails.is_empty(), SignerError::EmailNotAllowed)?;
    require(sans.ips.is_empty(), SignerError::IpNotAllowed)?;
    require(sans.uris.is_empty(), SignerError::UriNotAllowed)?;
    require(subject.common_name.starts_with("system:node:"), SignerError::CommonNameNotSystemNode)?;
    check_node_usages(usages, Usage::ClientAuth)
}

fn check_node_serving(request: &CertificateRequest, usages: &[Usage]) -> Result<(), SignerError> {
    let (subject, sans) = (&request.subject, &request.sans);
    require(subject.organizations == ["system:nodes"], SignerError::OrganizationNotSystemNodes)?;
    require(!sans.dns.is_empty() || !sans.ips.is_empty(), SignerError::DnsOrIpRequired)?;
    require(sans.emails.is_empty(), SignerError::EmailNotAllowed)?;
    require(sans.uris.is_empty(), SignerError::UriNotAllowed)?;
    check_node_usages(usages, Usage::ServerAuth)?;
    require(subject.common_name.starts_with("system:node:"), SignerError::CommonNameNotSystemNode)
}

/// Exactly the purpose and digital signature; key encipherment only RSA keys need.
fn check_node_usages(usages: &[Usage], purpose: Usage) -> Result<(), SignerError> {
    let wanted = vec![Usage::DigitalSignature, Usage::KeyEncipherment, purpose];
    let given: BTreeSet<Usage> = usages.iter().copied().collect();
    let without_rsa = BTreeSet::from([Usage::DigitalSignature, purpose]);
    let matches = given == without_rsa || given == wanted.iter().copied().collect();
    require(matches, SignerError::Usages { wanted })
}

fn require(condition: bool, otherwise: SignerError) -> Result<(), SignerError> {
    if condition { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests;
