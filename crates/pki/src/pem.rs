//! PEM text: base64 DER between labelled lines (RFC 7468).
//!
//! Reading is lenient as Go's `encoding/pem` is: text around the blocks, blocks
//! of other kinds and CRLF are skipped over. Writing gives 64 columns and LF.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{SectionKind, SliceIter};
use thiserror::Error;

/// What a PEM block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Certificate,
    /// A PKCS#8 private key.
    PrivateKey,
    /// A SEC1 private key on an elliptic curve, as `openssl ecparam -genkey` writes it.
    EcPrivateKey,
    /// A SubjectPublicKeyInfo.
    PublicKey,
    /// A PKCS#10 certificate request.
    Request,
}

/// Why PEM text could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PemError {
    #[error("no PEM block of type {label} found")]
    Missing { label: &'static str },
    #[error("not valid PEM: {reason}")]
    Malformed { reason: String },
}

// === impl Label ===

impl Label {
    /// The words between `BEGIN` and the dashes.
    pub const fn text(self) -> &'static str {
        match self {
            Label::Certificate => "CERTIFICATE",
            Label::PrivateKey => "PRIVATE KEY",
            Label::EcPrivateKey => "EC PRIVATE KEY",
            Label::PublicKey => "PUBLIC KEY",
            Label::Request => "CERTIFICATE REQUEST",
        }
    }

    fn of(kind: SectionKind) -> Option<Label> {
        match kind {
            SectionKind::Certificate => Some(Label::Certificate),
            SectionKind::PrivateKey => Some(Label::PrivateKey),
            SectionKind::EcPrivateKey => Some(Label::EcPrivateKey),
            SectionKind::PublicKey => Some(Label::PublicKey),
            SectionKind::Csr => Some(Label::Request),
            _ => None,
        }
    }
}

/// One PEM block around `der`.
pub fn encode(label: Label, der: &[u8]) -> String {
    let name = label.text();
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {name}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every index is a character boundary.
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str(&format!("-----END {name}-----\n"));
    text
}

/// Every block of a kind this crate knows, in order.
pub fn blocks(text: &[u8]) -> Result<Vec<(Label, Vec<u8>)>, PemError> {
    let mut found = Vec::new();
    for section in SliceIter::<(SectionKind, Vec<u8>)>::new(text) {
        let (kind, der) = section.map_err(|error| PemError::Malformed { reason: error.to_string() })?;
        if let Some(label) = Label::of(kind) {
            found.push((label, der));
        }
    }
    Ok(found)
}

/// Every block labelled `label`; at least one, or an error.
pub fn all(label: Label, text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let found: Vec<_> =
        blocks(text)?.into_iter().filter(|(of, _)| *of == label).map(|(_, der)| der).collect();
    if found.is_empty() {
        return Err(PemError::Missing { label: label.text() });
    }
    Ok(found)
}

/// The first block labelled `label`.
pub fn first(label: Label, text: &[u8]) -> Result<Vec<u8>, PemError> {
    all(label, text).map(|mut found| found.swap_remove(0))
}

/// The certificates of a PEM bundle, in order; at least one.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    Ok(all(Label::Certificate, text)?.into_iter().map(CertificateDer::from).collect())
}

/// A PEM bundle of certificates.
pub fn encode_certificates(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(|der| encode(Label::Certificate, der)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_blocks_are_read_back_whatever_their_length() {
        for length in [1, 47, 48, 49, 96, 1000] {
            let der = vec![0xa5; length];
            let text = encode(Label::Certificate, &der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(first(Label::Certificate, text.as_bytes()), Ok(der));
        }
    }

    #[test]
    fn text_around_blocks_and_other_kinds_are_skipped() {
        let text = format!(
            "subject=CN = x\r\n{}noise\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}",
            encode(Label::PublicKey, b"one"),
            encode(Label::Certificate, b"two"),
        );
        assert_eq!(all(Label::Certificate, text.as_bytes()), Ok(vec![b"two".to_vec()]));
    }

    #[test]
    fn bad_text_is_an_error_not_an_empty_list() {
        let check = |text: &[u8], want: &str| {
            assert_eq!(first(Label::Certificate, text).unwrap_err().to_string(), want);
        };
        check(b"", "no PEM block of type CERTIFICATE found");
        check(b"\xff\xfe\x00", "no PEM block of type CERTIFICATE found");
        check(encode(Label::PublicKey, b"x").as_bytes(), "no PEM block of type CERTIFICATE found");
        assert!(
            first(Label::Certificate, b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n")
                .is_err()
        );
        assert!(first(Label::Certificate, b"-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
    }
}
