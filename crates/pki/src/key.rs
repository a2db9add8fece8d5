//! Key pairs of our own (ECDSA on P-256) and public keys of anybody.
//!
//! P-256 because every client of Kubernetes verifies it, it is made in
//! microseconds where RSA takes a noticeable part of start-up, and it signs an
//! order of magnitude cheaper, which TLS handshakes and service-account tokens
//! feel. Key generation takes its entropy from aws-lc, not from the caller:
//! a private key must never be reproducible from a seed.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::Decode;
use rustls_pki_types::PrivatePkcs8KeyDer;
use thiserror::Error;
use x509_cert::SubjectPublicKeyInfo;

use crate::oid;
use crate::pem::{self, Label, PemError};

/// Why a key could not be made, read or used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("cannot generate a key: the system's random source failed")]
    Generate,
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("not a private key this program can use (want ECDSA on P-256, unencrypted, as PKCS#8 or SEC1)")]
    UnusablePrivateKey,
    #[error("not a valid public key: {reason}")]
    BadPublicKey { reason: String },
    #[error("signing failed")]
    Sign,
}

/// An ECDSA P-256 key pair. Prints as its public half only.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    public: PublicKey,
}

/// A public key: its SubjectPublicKeyInfo and what kind of key is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    der: Vec<u8>,
    info: SubjectPublicKeyInfo,
}

/// The kinds of public key that this crate tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Rsa,
    P256,
    P384,
    Other,
}

// === impl PrivateKey ===

impl PrivateKey {
    /// A new key pair from the system's entropy.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| KeyError::Generate)?;
        Self::from_pair(pair)
    }

    /// The first private key of a PEM text, PKCS#8 or SEC1.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let key = pem::blocks(text)?
            .into_iter()
            .find(|(label, _)| matches!(label, Label::PrivateKey | Label::EcPrivateKey))
            .map(|(_, der)| der)
            .ok_or(PemError::Missing { label: Label::PrivateKey.text() })?;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &key)
            .map_err(|_| KeyError::UnusablePrivateKey)?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError::UnusablePrivateKey)?.as_ref().to_vec();
        let spki = pair.public_key().as_der().map_err(|_| KeyError::UnusablePrivateKey)?;
        let public = PublicKey::from_der(spki.as_ref())?;
        Ok(PrivateKey { pair, pkcs8, public })
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The unencrypted PKCS#8 form, for TLS and for files.
    pub fn to_pkcs8(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8.clone())
    }

    /// PKCS#8 as PEM.
    pub fn to_pem(&self) -> String {
        pem::encode(Label::PrivateKey, &self.pkcs8)
    }

    /// An ASN.1 ECDSA signature over the SHA-256 of `message`.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| KeyError::Sign)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.id())
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfo::from_der(der)
            .map_err(|error| KeyError::BadPublicKey { reason: error.to_string() })?;
        Ok(PublicKey { der: der.to_vec(), info })
    }

    /// Every `PUBLIC KEY` block of a PEM text; at least one.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>, KeyError> {
        pem::all(Label::PublicKey, text)?.iter().map(|der| Self::from_der(der)).collect()
    }

    pub fn to_pem(&self) -> String {
        pem::encode(Label::PublicKey, &self.der)
    }

    /// The DER SubjectPublicKeyInfo (PKIX form).
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn info(&self) -> &SubjectPublicKeyInfo {
        &self.info
    }

    /// The bare key: a curve point, or a PKCS#1 `RSAPublicKey`.
    pub fn key_bytes(&self) -> &[u8] {
        self.info.subject_public_key.raw_bytes()
    }

    pub fn kind(&self) -> KeyKind {
        let algorithm = &self.info.algorithm;
        if algorithm.oid == oid::RSA_ENCRYPTION {
            return KeyKind::Rsa;
        }
        if algorithm.oid != oid::EC_PUBLIC_KEY {
            return KeyKind::Other;
        }
        let curve = algorithm.parameters.as_ref().and_then(|any| any.decode_as().ok());
        match curve {
            Some(oid::P256) => KeyKind::P256,
            Some(oid::P384) => KeyKind::P384,
            _ => KeyKind::Other,
        }
    }

    /// The key id as kube-apiserver derives it: the SHA-256 of the PKIX DER, in
    /// unpadded base64url. It cannot be turned back into the key.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(crate::sha256(&self.der))
    }

    /// What pins this key, as `kubeadm join --discovery-token-ca-cert-hash` takes it: `sha256:` and the
    /// SHA-256 of the PKIX DER in hexadecimal (RFC 7469 section 2.4).
    pub fn pin(&self) -> String {
        let digits = crate::sha256(&self.der).map(|byte| format!("{byte:02x}"));
        format!("sha256:{}", digits.concat())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, {})", self.kind(), self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Upstream's rule: unpadded base64url of the SHA-256 of the PKIX DER.
    #[test]
    fn key_ids_are_the_digests_openssl_gives() {
        let check = |pem: &str, kind: KeyKind, id: &str| {
            let keys = PublicKey::all_from_pem(pem.as_bytes()).unwrap();
            assert_eq!((keys[0].kind(), keys[0].id().as_str()), (kind, id));
        };
        check(testing::RSA_PUBLIC, KeyKind::Rsa, testing::RSA_KEY_ID);
        check(testing::EC_PUBLIC, KeyKind::P256, testing::EC_KEY_ID);
    }

    /// `openssl pkey -pubin -outform der | openssl dgst -sha256` is the key id's digest in hexadecimal.
    #[test]
    fn a_pin_is_the_same_digest_in_hexadecimal() {
        let key = PublicKey::all_from_pem(testing::EC_PUBLIC.as_bytes()).unwrap().remove(0);
        let digest = URL_SAFE_NO_PAD.decode(testing::EC_KEY_ID).unwrap();
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key.pin(), format!("sha256:{digits}"));
    }

    #[test]
    fn a_key_survives_pem_and_does_not_print_itself() {
        let key = PrivateKey::generate().unwrap();
        let again = PrivateKey::from_pem(key.to_pem().as_bytes()).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        assert_eq!(format!("{key:?}"), format!("PrivateKey({})", key.public_key().id()));
    }

    #[test]
    fn keys_of_openssl_are_read() {
        for text in [testing::EC_PRIVATE_SEC1, testing::EC_PRIVATE_PKCS8] {
            assert_eq!(
                PrivateKey::from_pem(text.as_bytes()).unwrap().public_key().to_pem(),
                testing::EC_PUBLIC
            );
        }
    }

    #[test]
    fn bad_keys_are_refused() {
        let check = |text: &str, want: &str| {
            assert_eq!(PrivateKey::from_pem(text.as_bytes()).unwrap_err().to_string(), want);
        };
        check("", "no PEM block of type PRIVATE KEY found");
        check(
            &pem::encode(Label::PrivateKey, b"\x30\x03\x02\x01\x00"),
            "not a private key this program can use (want ECDSA on P-256, unencrypted, as PKCS#8 or SEC1)",
        );
        assert!(PublicKey::from_der(b"\x30\x00").is_err());
    }
}
