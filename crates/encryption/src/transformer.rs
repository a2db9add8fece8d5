//! Transformers, and a list of them.

use std::sync::Arc;

use bytes::Bytes;
use ironclad_engine::codec::AtRestError;
use ironclad_env::Env;

/// One key of one provider.
pub trait Transformer: Send + Sync {
    /// What the values of this transformer begin with; empty for those that are stored as they are.
    fn prefix(&self) -> &str;

    /// The stored form without its prefix. `path` is the store's key, which binds the value to its place where
    /// the provider can.
    fn seal(&self, env: &Env, path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError>;

    /// The plain form of a stored value that begins with the prefix, which is cut off.
    fn open(&self, env: &Env, path: &[u8], sealed: Bytes) -> Result<Bytes, AtRestError>;

    /// Whether this transformer would seal a value anew that it sealed itself, because its key has changed since.
    /// `sealed` is without the prefix.
    fn is_stale(&self, _sealed: &[u8]) -> bool {
        false
    }
}

/// The first one writes, all of them read.
pub struct Transformers(pub Vec<Arc<dyn Transformer>>);

impl Transformers {
    pub fn seal(&self, env: &Env, path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        let first = self.0.first().ok_or_else(|| failed("no provider is configured"))?;
        let sealed = first.seal(env, path, plain)?;
        let prefix = first.prefix().as_bytes();
        if prefix.is_empty() {
            return Ok(sealed);
        }
        Ok([prefix, &sealed].concat().into())
    }

    /// Two providers may have a key of the same name: the one that can open it does.
    pub fn open(&self, env: &Env, path: &[u8], stored: Bytes) -> Result<Bytes, AtRestError> {
        let mut why = None;
        for transformer in &self.0 {
            let prefix = transformer.prefix();
            if !stored.starts_with(prefix.as_bytes()) {
                continue;
            }
            match transformer.open(env, path, stored.slice(prefix.len()..)) {
                Ok(plain) => return Ok(plain),
                Err(error) if !prefix.is_empty() => why = Some(error),
                Err(_) => {}
            }
        }
        Err(why.unwrap_or_else(|| self.unknown(&stored)))
    }

    /// Whether the value is as this list would write it.
    pub fn wrote(&self, stored: &[u8]) -> bool {
        self.0.first().is_some_and(|first| match first.prefix() {
            "" => !stored.starts_with(SEALED),
            prefix => stored.strip_prefix(prefix.as_bytes()).is_some_and(|sealed| !first.is_stale(sealed)),
        })
    }

    fn unknown(&self, stored: &[u8]) -> AtRestError {
        let providers = [
            ("k8s:enc:secretbox:v1:", "Secretbox"),
            ("k8s:enc:aesgcm:v1:", "AES"),
            ("k8s:enc:aescbc:v1:", "AES"),
        ];
        let known = |prefix: &str| self.0.iter().any(|transformer| transformer.prefix().starts_with(prefix));
        let provider =
            providers.into_iter().find(|(prefix, _)| stored.starts_with(prefix.as_bytes()) && known(prefix));
        match provider {
            Some((_, name)) => {
                failed(format!("no matching key was found for the provided {name} transformer"))
            }
            None => failed("no matching prefix found"),
        }
    }
}

/// What every sealed value begins with.
pub const SEALED: &[u8] = b"k8s:enc:";

pub fn failed(why: impl Into<String>) -> AtRestError {
    AtRestError(why.into())
}
