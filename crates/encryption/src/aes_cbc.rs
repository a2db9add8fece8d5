//! AES in cipher block chaining mode with PKCS#7 padding. Upstream calls it weak, because nothing
//! authenticates the value; it is here to read what others wrote.
//!
//! Layout: 16 bytes of initialization vector, the padded text.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use bytes::Bytes;
use ironclad_engine::codec::AtRestError;
use ironclad_env::Env;

use crate::transformer::{Transformer, failed};

const BLOCK: usize = 16;

pub struct AesCbc {
    prefix: String,
    encrypting: PaddedBlockEncryptingKey,
    decrypting: PaddedBlockDecryptingKey,
}

impl AesCbc {
    /// `None` if the key is not of 16, 24 or 32 bytes.
    pub fn new(name: &str, key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return None,
        };
        let key = || UnboundCipherKey::new(algorithm, key).ok();
        Some(Self {
            prefix: format!("k8s:enc:aescbc:v1:{name}:"),
            encrypting: PaddedBlockEncryptingKey::cbc_pkcs7(key()?).ok()?,
            decrypting: PaddedBlockDecryptingKey::cbc_pkcs7(key()?).ok()?,
        })
    }
}

impl Transformer for AesCbc {
    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn seal(&self, env: &Env, _path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        let mut vector = [0; BLOCK];
        env.fill(&mut vector);
        let mut text = plain.to_vec();
        let context = EncryptionContext::Iv128(FixedLength::from(vector));
        let sealed = self.encrypting.less_safe_encrypt(&mut text, context);
        sealed.map_err(|_| failed("the value cannot be encrypted"))?;
        Ok([&vector[..], &text].concat().into())
    }

    fn open(&self, _env: &Env, _path: &[u8], sealed: Bytes) -> Result<Bytes, AtRestError> {
        let short = || failed("the stored data was shorter than the required size");
        let (vector, text) = sealed.split_at_checked(BLOCK).ok_or_else(short)?;
        if text.len() % BLOCK != 0 {
            return Err(failed("the stored data is not a multiple of the block size"));
        }
        let vector = FixedLength::<BLOCK>::try_from(vector).map_err(|_| short())?;
        let mut text = text.to_vec();
        let opened = self.decrypting.decrypt(&mut text, DecryptionContext::Iv128(vector));
        let length = opened.map_err(|_| failed("invalid padding on input"))?.len();
        text.truncate(length);
        Ok(text.into())
    }
}
