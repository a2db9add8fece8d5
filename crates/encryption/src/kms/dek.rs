//! Data encryption keys: what a key management service wraps, and what encrypts the objects.

use aws_lc_rs::hkdf::{self, KeyType, Prk};
use bytes::Bytes;
use ironclad_engine::codec::AtRestError;
use ironclad_env::Env;

use super::encrypted::EncryptedDekSourceType as Kind;
use crate::aes_gcm::AesGcmKey;
use crate::transformer::failed;

/// Bytes of a seed, of the info that an object's key is derived with, and of that key.
const SIZE: usize = 32;

/// What has been unwrapped. Its secret is never printed.
pub enum Dek {
    /// Encrypts objects itself. Only read: servers before 1.29 wrote so.
    Key(AesGcmKey),
    /// Gives a key for each object, so that no number of writes wears it out.
    Seed(Prk),
}

impl Dek {
    /// A new seed, and the secret that the service is to wrap.
    pub fn generate(env: &Env) -> (Self, Vec<u8>) {
        let mut secret = vec![0; SIZE];
        env.fill(&mut secret);
        (Self::Seed(Prk::new_less_safe(hkdf::HKDF_SHA256, &secret)), secret)
    }

    /// What the service has unwrapped.
    pub fn unwrapped(kind: Kind, secret: &[u8]) -> Result<Self, AtRestError> {
        match kind {
            Kind::HkdfSha256XnonceAesGcmSeed if secret.len() < SIZE => {
                Err(failed(format!("invalid seed length {} used for key generation", secret.len())))
            }
            Kind::HkdfSha256XnonceAesGcmSeed => Ok(Self::Seed(Prk::new_less_safe(hkdf::HKDF_SHA256, secret))),
            Kind::AesGcmKey => {
                let invalid = || failed(format!("crypto/aes: invalid key size {}", secret.len()));
                AesGcmKey::new(secret).map(Self::Key).ok_or_else(invalid)
            }
        }
    }

    pub fn seal(&self, env: &Env, path: &[u8], plain: &[u8]) -> Result<Vec<u8>, AtRestError> {
        match self {
            Self::Key(key) => key.seal(env, path, plain),
            Self::Seed(seed) => {
                let mut info = [0; SIZE];
                env.fill(&mut info);
                let sealed = derived(seed, &info)?.seal(env, path, plain)?;
                Ok([&info[..], &sealed].concat())
            }
        }
    }

    pub fn open(&self, path: &[u8], sealed: &[u8]) -> Result<Bytes, AtRestError> {
        match self {
            Self::Key(key) => key.open(path, sealed),
            Self::Seed(seed) => {
                let short = || failed("the stored data was shorter than the required size");
                let (info, sealed) = sealed.split_at_checked(SIZE).ok_or_else(short)?;
                derived(seed, info)?.open(path, sealed)
            }
        }
    }
}

/// The key of one object.
fn derived(seed: &Prk, info: &[u8]) -> Result<AesGcmKey, AtRestError> {
    let key = derived_bytes(seed, info).and_then(|key| AesGcmKey::new(&key));
    key.ok_or_else(|| failed("no key can be derived"))
}

/// The first bytes of HKDF-Expand.
pub(super) fn derived_bytes(seed: &Prk, info: &[u8]) -> Option<[u8; SIZE]> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            SIZE
        }
    }
    let mut key = [0; SIZE];
    seed.expand(&[info], Length).ok()?.fill(&mut key).ok()?;
    Some(key)
}
