//! Opening what only a backup can bring back: CAs and the token-signing key.

use super::error::{MakeError, Remedy};
use super::{BundleError, Change, Opener, Why};
use crate::ca::{CaError, CertificateAuthority};
use crate::certificate::{Certificate, CertificateError};
use crate::key::{PrivateKey, PublicKey};
use crate::subject::Subject;
use crate::verify::CaPool;

/// A CA and all that is trusted in its place: its own certificate first, then
/// others that were added to the file by hand (a CA being replaced).
#[derive(Debug)]
pub struct Authority {
    pub ca: CertificateAuthority,
    pub trusted: Vec<Certificate>,
}

/// The key that signs service-account tokens, and all that verify them: its own
/// public half first, then others that were added to `sa.pub`.
#[derive(Debug)]
pub struct ServiceAccountKeys {
    pub signing: PrivateKey,
    pub verifying: Vec<PublicKey>,
}

// === impl Authority ===

impl Authority {
    /// What goes into `ca.crt`, kubeconfigs and `kube-root-ca.crt`.
    pub fn to_pem(&self) -> String {
        self.trusted.iter().map(Certificate::to_pem).collect()
    }

    /// For verifying clients.
    pub fn pool(&self) -> Result<CaPool, CertificateError> {
        CaPool::new(&self.trusted)
    }
}

// === impl Opener ===

impl Opener<'_> {
    /// The CA in `STEM.crt` and `STEM.key`.
    pub(super) fn authority(&mut self, stem: &str, common_name: &str) -> Result<Authority, BundleError> {
        let (crt, key) = (format!("{stem}.crt"), format!("{stem}.key"));
        match (self.files.read(&crt)?, self.files.read(&key)?) {
            (None, None) => self.new_authority(&crt, &key, common_name),
            // A kill between the two writes: nothing was signed yet.
            (None, Some(text)) => {
                let private = self.parse_key(&key, &text, Remedy::Restore)?;
                self.authority_of_key(&crt, common_name, private)
            }
            (Some(_), None) => Err(self.half_missing(&key, &crt, Remedy::Restore)),
            (Some(certificates), Some(private)) => self.load_authority(&crt, &key, &certificates, &private),
        }
    }

    fn new_authority(&mut self, crt: &str, key: &str, common_name: &str) -> Result<Authority, BundleError> {
        let private = PrivateKey::generate().map_err(|error| self.cannot_make(key, error))?;
        self.files.write(key, &private.to_pem())?;
        self.changes.push(Change::Created { path: self.files.path(key) });
        self.authority_of_key(crt, common_name, private)
    }

    fn authority_of_key(
        &mut self,
        crt: &str,
        common_name: &str,
        private: PrivateKey,
    ) -> Result<Authority, BundleError> {
        let subject = Subject::new(common_name, &[]);
        let ca = CertificateAuthority::self_signed(&subject, private, self.now, (self.serial)())
            .map_err(|error| self.cannot_make(crt, error))?;
        self.files.write(crt, &ca.certificate().to_pem())?;
        self.changes.push(Change::Created { path: self.files.path(crt) });
        Ok(Authority { trusted: vec![ca.certificate().clone()], ca })
    }

    fn load_authority(
        &mut self,
        crt: &str,
        key: &str,
        certificates: &[u8],
        private: &[u8],
    ) -> Result<Authority, BundleError> {
        let private = self.parse_key(key, private, Remedy::Restore)?;
        self.tighten(key)?;
        let trusted = Certificate::all_from_pem(certificates)
            .map_err(|error| self.corrupt(crt, &error, Remedy::Restore))?;
        let [own, others @ ..] = trusted.as_slice() else {
            return Err(self.corrupt(crt, &"it holds no certificate", Remedy::Restore));
        };
        let ca = CertificateAuthority::new(own.clone(), private).map_err(|error| match error {
            CaError::KeyMismatch => self.mismatch(key, crt, Remedy::Restore),
            other => self.corrupt(crt, &other, Remedy::Restore),
        })?;
        let window = own.window;
        if self.now < window.not_before {
            let path = self.files.path(crt);
            return Err(BundleError::ClockBehind { path, not_before: window.not_before, now: self.now });
        }
        if !window.is_due(self.now) {
            return Ok(Authority { ca, trusted });
        }
        let others = others.to_vec();
        self.renew_authority(crt, ca, others, Why::Expiring { not_after: window.not_after })
    }

    /// A new certificate for the same name and key: what the CA signed stays
    /// good under it.
    fn renew_authority(
        &mut self,
        crt: &str,
        ca: CertificateAuthority,
        others: Vec<Certificate>,
        why: Why,
    ) -> Result<Authority, BundleError> {
        let ca = ca.renewed(self.now, (self.serial)()).map_err(|error| self.cannot_make(crt, error))?;
        let mut trusted = vec![ca.certificate().clone()];
        trusted.extend(others);
        let authority = Authority { ca, trusted };
        self.files.write(crt, &authority.to_pem())?;
        self.changes.push(Change::Renewed { path: self.files.path(crt), why });
        Ok(authority)
    }

    /// The keys in `pki/sa.key` and `pki/sa.pub`.
    pub(super) fn service_account(&mut self) -> Result<ServiceAccountKeys, BundleError> {
        let (key, public) = ("pki/sa.key", "pki/sa.pub");
        match (self.files.read(key)?, self.files.read(public)?) {
            (None, None) => {
                let signing = PrivateKey::generate().map_err(|error| self.cannot_make(key, error))?;
                self.files.write(key, &signing.to_pem())?;
                self.changes.push(Change::Created { path: self.files.path(key) });
                self.write_public(public, signing)
            }
            (Some(text), None) => {
                let signing = self.parse_key(key, &text, Remedy::Restore)?;
                self.write_public(public, signing)
            }
            (None, Some(_)) => Err(self.half_missing(key, public, Remedy::Restore)),
            (Some(text), Some(publics)) => self.load_service_account(key, public, &text, &publics),
        }
    }

    fn write_public(&mut self, public: &str, signing: PrivateKey) -> Result<ServiceAccountKeys, BundleError> {
        self.files.write(public, &signing.public_key().to_pem())?;
        self.changes.push(Change::Created { path: self.files.path(public) });
        Ok(ServiceAccountKeys { verifying: vec![signing.public_key().clone()], signing })
    }

    fn load_service_account(
        &mut self,
        key: &str,
        public: &str,
        text: &[u8],
        publics: &[u8],
    ) -> Result<ServiceAccountKeys, BundleError> {
        let signing = self.parse_key(key, text, Remedy::Restore)?;
        self.tighten(key)?;
        let mut verifying = PublicKey::all_from_pem(publics)
            .map_err(|error| self.corrupt(public, &error, Remedy::Restore))?;
        let own = verifying.iter().position(|known| known == signing.public_key());
        let own = own.ok_or_else(|| self.mismatch(public, key, Remedy::Restore))?;
        verifying.swap(0, own);
        Ok(ServiceAccountKeys { signing, verifying })
    }

    // What errors and changes have in common.

    pub(super) fn parse_key(
        &self,
        name: &str,
        text: &[u8],
        remedy: Remedy,
    ) -> Result<PrivateKey, BundleError> {
        PrivateKey::from_pem(text).map_err(|error| self.corrupt(name, &error, remedy))
    }

    pub(super) fn tighten(&mut self, name: &str) -> Result<(), BundleError> {
        if self.files.tighten(name)? {
            self.changes.push(Change::Tightened { path: self.files.path(name) });
        }
        Ok(())
    }

    pub(super) fn corrupt(&self, name: &str, problem: &dyn std::fmt::Display, remedy: Remedy) -> BundleError {
        BundleError::Corrupt { path: self.files.path(name), problem: problem.to_string(), remedy }
    }

    pub(super) fn mismatch(&self, name: &str, other: &str, remedy: Remedy) -> BundleError {
        BundleError::Mismatch { path: self.files.path(name), other: self.files.path(other), remedy }
    }

    pub(super) fn half_missing(&self, name: &str, other: &str, remedy: Remedy) -> BundleError {
        BundleError::HalfMissing { path: self.files.path(name), other: self.files.path(other), remedy }
    }

    pub(super) fn cannot_make(&self, name: &str, source: impl Into<MakeError>) -> BundleError {
        BundleError::Make { path: self.files.path(name), source: source.into() }
    }
}
