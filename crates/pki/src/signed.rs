//! The signature over an ASN.1 `SEQUENCE { signed, algorithm, signature }`,
//! which is what certificates and certificate requests both are.

use der::asn1::BitString;
use der::{Reader, SliceReader};
use x509_cert::AlgorithmIdentifier;

use crate::key::PublicKey;

/// Whether `signature` over the signed part of `der` was made with `key`. The
/// bytes are taken as they were sent: encoding them anew could turn a signed
/// message into another one. The error says what is wrong.
pub(crate) fn check(
    der: &[u8],
    algorithm: &AlgorithmIdentifier,
    signature: &BitString,
    key: &PublicKey,
) -> Result<(), &'static str> {
    let message = signed_part(der).map_err(|_| "it is malformed")?;
    let key_id = contents(&key.info().algorithm).ok_or("the key's algorithm is unreadable")?;
    let signature_id = contents(algorithm).ok_or("the signature's algorithm is unreadable")?;
    let verifier = webpki::ALL_VERIFICATION_ALGS
        .iter()
        .find(|known| {
            known.public_key_alg_id().as_ref() == key_id && known.signature_alg_id().as_ref() == signature_id
        })
        .ok_or("its algorithm is not supported")?;
    let signature = signature.as_bytes().ok_or("the signature is unreadable")?;
    verifier.verify_signature(key.key_bytes(), message, signature).map_err(|_| "the signature does not match")
}

fn signed_part(der: &[u8]) -> Result<&[u8], der::Error> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|inner| {
        let signed = inner.tlv_bytes()?;
        inner.tlv_bytes()?;
        inner.tlv_bytes()?;
        Ok::<_, der::Error>(signed)
    })
}

/// The DER contents of an algorithm identifier, as webpki's tables hold them.
fn contents(algorithm: &AlgorithmIdentifier) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    der::EncodeValue::encode_value(algorithm, &mut bytes).ok()?;
    Some(bytes)
}
