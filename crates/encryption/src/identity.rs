//! Stored as it is.

use bytes::Bytes;
use ironclad_engine::codec::AtRestError;
use ironclad_env::Env;

use crate::transformer::{SEALED, Transformer, failed};

pub struct Identity;

impl Transformer for Identity {
    fn prefix(&self) -> &str {
        ""
    }

    fn seal(&self, _env: &Env, _path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        Ok(plain)
    }

    fn open(&self, _env: &Env, _path: &[u8], sealed: Bytes) -> Result<Bytes, AtRestError> {
        plain(sealed)
    }
}

/// A value that nobody sealed.
pub fn plain(stored: Bytes) -> Result<Bytes, AtRestError> {
    match stored.starts_with(SEALED) {
        true => Err(failed("identity transformer tried to read encrypted data")),
        false => Ok(stored),
    }
}
