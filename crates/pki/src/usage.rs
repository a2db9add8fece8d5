//! Key usages by the names of the certificates API (`certificates.k8s.io/v1`
//! `KeyUsage`), and what each is in X.509.

use std::fmt;
use std::str::FromStr;

use der::asn1::ObjectIdentifier;
use thiserror::Error;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};

use crate::oid;

/// A usage that a certificate may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Usage {
    Signing,
    DigitalSignature,
    ContentCommitment,
    KeyEncipherment,
    KeyAgreement,
    DataEncipherment,
    CertSign,
    CrlSign,
    EncipherOnly,
    DecipherOnly,
    Any,
    ServerAuth,
    ClientAuth,
    CodeSigning,
    EmailProtection,
    Smime,
    IpsecEndSystem,
    IpsecTunnel,
    IpsecUser,
    Timestamping,
    OcspSigning,
    MicrosoftSgc,
    NetscapeSgc,
}

/// Where a usage stands in a certificate.
#[derive(Clone, Copy)]
enum Bit {
    Key(KeyUsages),
    Extended(ObjectIdentifier),
}

/// Names that are not usages, as upstream's signer reports them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("unrecognized usage values: {}", crate::quote::list(names))]
pub struct UnrecognizedUsages {
    pub names: Vec<String>,
}

/// Every usage: its API name and its place in X.509.
const TABLE: &[(Usage, &str, Bit)] = &[
    (Usage::Signing, "signing", Bit::Key(KeyUsages::DigitalSignature)),
    (Usage::DigitalSignature, "digital signature", Bit::Key(KeyUsages::DigitalSignature)),
    (Usage::ContentCommitment, "content commitment", Bit::Key(KeyUsages::NonRepudiation)),
    (Usage::KeyEncipherment, "key encipherment", Bit::Key(KeyUsages::KeyEncipherment)),
    (Usage::KeyAgreement, "key agreement", Bit::Key(KeyUsages::KeyAgreement)),
    (Usage::DataEncipherment, "data encipherment", Bit::Key(KeyUsages::DataEncipherment)),
    (Usage::CertSign, "cert sign", Bit::Key(KeyUsages::KeyCertSign)),
    (Usage::CrlSign, "crl sign", Bit::Key(KeyUsages::CRLSign)),
    (Usage::EncipherOnly, "encipher only", Bit::Key(KeyUsages::EncipherOnly)),
    (Usage::DecipherOnly, "decipher only", Bit::Key(KeyUsages::DecipherOnly)),
    (Usage::Any, "any", Bit::Extended(oid::ANY_USAGE)),
    (Usage::ServerAuth, "server auth", Bit::Extended(oid::SERVER_AUTH)),
    (Usage::ClientAuth, "client auth", Bit::Extended(oid::CLIENT_AUTH)),
    (Usage::CodeSigning, "code signing", Bit::Extended(oid::CODE_SIGNING)),
    (Usage::EmailProtection, "email protection", Bit::Extended(oid::EMAIL_PROTECTION)),
    (Usage::Smime, "s/mime", Bit::Extended(oid::EMAIL_PROTECTION)),
    (Usage::IpsecEndSystem, "ipsec end system", Bit::Extended(oid::IPSEC_END_SYSTEM)),
    (Usage::IpsecTunnel, "ipsec tunnel", Bit::Extended(oid::IPSEC_TUNNEL)),
    (Usage::IpsecUser, "ipsec user", Bit::Extended(oid::IPSEC_USER)),
    (Usage::Timestamping, "timestamping", Bit::Extended(oid::TIMESTAMPING)),
    (Usage::OcspSigning, "ocsp signing", Bit::Extended(oid::OCSP_SIGNING)),
    (Usage::MicrosoftSgc, "microsoft sgc", Bit::Extended(oid::MICROSOFT_SGC)),
    (Usage::NetscapeSgc, "netscape sgc", Bit::Extended(oid::NETSCAPE_SGC)),
];

// === impl Usage ===

impl Usage {
    /// The name in the certificates API.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(usage, ..)| *usage == self).map_or("", |(_, name, _)| name)
    }

    fn bit(self) -> Option<Bit> {
        TABLE.iter().find(|(usage, ..)| *usage == self).map(|(.., bit)| *bit)
    }

    /// Reads the `spec.usages` of a CertificateSigningRequest; all names that
    /// are unknown are reported at once.
    pub fn parse_all<S: AsRef<str>>(names: &[S]) -> Result<Vec<Usage>, UnrecognizedUsages> {
        let mut usages = Vec::new();
        let mut unknown = Vec::new();
        for name in names {
            match name.as_ref().parse() {
                Ok(usage) => usages.push(usage),
                Err(UnrecognizedUsages { names }) => unknown.extend(names),
            }
        }
        if unknown.is_empty() { Ok(usages) } else { Err(UnrecognizedUsages { names: unknown }) }
    }
}

impl FromStr for Usage {
    type Err = UnrecognizedUsages;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        TABLE
            .iter()
            .find(|(_, name, _)| *name == text)
            .map(|(usage, ..)| *usage)
            .ok_or_else(|| UnrecognizedUsages { names: vec![text.to_owned()] })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The KeyUsage extension for `usages`, or none if no bit is asked for.
pub(crate) fn key_usage(usages: &[Usage]) -> Option<KeyUsage> {
    let mut bits = KeyUsage(Default::default()).0;
    for usage in usages {
        if let Some(Bit::Key(bit)) = usage.bit() {
            bits |= bit;
        }
    }
    (!bits.is_empty()).then_some(KeyUsage(bits))
}

/// The ExtendedKeyUsage extension for `usages`, each purpose once.
pub(crate) fn extended_key_usage(usages: &[Usage]) -> Option<ExtendedKeyUsage> {
    let mut purposes = Vec::new();
    let mut sorted = usages.to_vec();
    sorted.sort_unstable();
    for usage in sorted {
        if let Some(Bit::Extended(oid)) = usage.bit()
            && !purposes.contains(&oid)
        {
            purposes.push(oid);
        }
    }
    (!purposes.is_empty()).then_some(ExtendedKeyUsage(purposes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_is_read_back_from_its_name() {
        for (usage, name, _) in TABLE {
            assert_eq!(name.parse(), Ok(*usage));
            assert_eq!(usage.to_string(), *name);
        }
    }

    #[test]
    fn unknown_names_are_reported_together() {
        assert_eq!(
            Usage::parse_all(&["client auth", "signing"]),
            Ok(vec![Usage::ClientAuth, Usage::Signing])
        );
        let error = Usage::parse_all(&["Client Auth", "signing", "x"]).unwrap_err();
        assert_eq!(error.to_string(), r#"unrecognized usage values: ["Client Auth" "x"]"#);
    }

    #[test]
    fn bits_and_purposes_are_told_apart_and_kept_once() {
        let usages =
            [Usage::Smime, Usage::ClientAuth, Usage::EmailProtection, Usage::Signing, Usage::ClientAuth];
        assert!(key_usage(&usages).unwrap().digital_signature());
        assert_eq!(extended_key_usage(&usages).unwrap().0, [oid::CLIENT_AUTH, oid::EMAIL_PROTECTION]);
        assert_eq!(key_usage(&[Usage::ServerAuth]), None);
        assert_eq!(extended_key_usage(&[Usage::Signing]), None);
    }
}
