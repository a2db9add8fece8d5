//! AES in Galois/Counter mode. The value is bound to its place: moved to another key of the store it cannot be
//! read. The nonce is random and short: a key must not write more than about four billion values
//! (upstream: 200,000 before it should be rotated).
//!
//! Layout: 12 bytes of nonce, the text, 16 of tag.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use ironclad_engine::codec::AtRestError;
use ironclad_env::Env;

use crate::transformer::{Transformer, failed};

const NONCE: usize = 12;

/// One key, for any of the providers that use this cipher.
pub struct AesGcmKey(LessSafeKey);

impl AesGcmKey {
    /// `None` if the key is not of 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
    }

    pub fn seal(&self, env: &Env, path: &[u8], plain: &[u8]) -> Result<Vec<u8>, AtRestError> {
        let mut nonce = [0; NONCE];
        env.fill(&mut nonce);
        let mut text = plain.to_vec();
        let sealed =
            self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(path), &mut text);
        sealed.map_err(|_| failed("the value cannot be encrypted"))?;
        Ok([&nonce[..], &text].concat())
    }

    pub fn open(&self, path: &[u8], sealed: &[u8]) -> Result<Bytes, AtRestError> {
        let short = || failed("the stored data was shorter than the required size");
        let (nonce, text) = sealed.split_at_checked(NONCE).ok_or_else(short)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| short())?;
        let mut text = text.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(path), &mut text);
        let length = opened.map_err(|_| failed("cipher: message authentication failed"))?.len();
        text.truncate(length);
        Ok(text.into())
    }
}

pub struct AesGcm {
    prefix: String,
    key: AesGcmKey,
}

impl AesGcm {
    /// `None` if the key is not of 16, 24 or 32 bytes.
    pub fn new(name: &str, key: &[u8]) -> Option<Self> {
        Some(Self { prefix: format!("k8s:enc:aesgcm:v1:{name}:"), key: AesGcmKey::new(key)? })
    }
}

impl Transformer for AesGcm {
    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn seal(&self, env: &Env, path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        self.key.seal(env, path, &plain).map(Bytes::from)
    }

    fn open(&self, _env: &Env, path: &[u8], sealed: Bytes) -> Result<Bytes, AtRestError> {
        self.key.open(path, &sealed)
    }
}
