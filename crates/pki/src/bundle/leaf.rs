//! Opening what is made anew without loss: serving and client certificates.

use jiff::Timestamp;

use super::error::Remedy;
use super::{Authority, BundleError, Change, Identity, Opener, Why};
use crate::certificate::Certificate;
use crate::issue::{LEAF_LIFETIME, Template};
use crate::key::PrivateKey;

impl Opener<'_> {
    /// The certificate and key in `STEM.crt` and `STEM.key`, saying what
    /// `template` wants.
    pub(super) fn leaf(
        &mut self,
        stem: &str,
        template: &Template,
        authority: &Authority,
    ) -> Result<Identity, BundleError> {
        let (crt, key) = (format!("{stem}.crt"), format!("{stem}.key"));
        let (certificate, private) = (self.files.read(&crt)?, self.files.read(&key)?);
        let private = match (&certificate, private) {
            (_, Some(text)) => self.parse_key(&key, &text, Remedy::RemovePair)?,
            (None, None) => self.new_key(&key)?,
            (Some(_), None) => return Err(self.half_missing(&key, &crt, Remedy::RemovePair)),
        };
        self.tighten(&key)?;
        let Some(text) = certificate else {
            let made = Change::Created { path: self.files.path(&crt) };
            return self.issue_leaf(&crt, template, authority, private, made);
        };
        let certificate = Certificate::all_from_pem(&text)
            .map(|mut chain| chain.swap_remove(0))
            .map_err(|error| self.corrupt(&crt, &error, Remedy::RemovePair))?;
        if certificate.public_key != *private.public_key() {
            return Err(self.mismatch(&key, &crt, Remedy::RemovePair));
        }
        match why_renew(&certificate, template, authority, self.now) {
            None => Ok(Identity { certificate, key: private }),
            Some(why) => {
                let renewed = Change::Renewed { path: self.files.path(&crt), why };
                self.issue_leaf(&crt, template, authority, private, renewed)
            }
        }
    }

    fn new_key(&mut self, key: &str) -> Result<PrivateKey, BundleError> {
        let private = PrivateKey::generate().map_err(|error| self.cannot_make(key, error))?;
        self.files.write(key, &private.to_pem())?;
        self.changes.push(Change::Created { path: self.files.path(key) });
        Ok(private)
    }

    fn issue_leaf(
        &mut self,
        crt: &str,
        template: &Template,
        authority: &Authority,
        private: PrivateKey,
        change: Change,
    ) -> Result<Identity, BundleError> {
        let serial = (self.serial)();
        let certificate = authority
            .ca
            .issue(template, private.public_key(), LEAF_LIFETIME, self.now, serial)
            .map_err(|error| self.cannot_make(crt, error))?;
        self.files.write(crt, &certificate.to_pem())?;
        self.changes.push(change);
        Ok(Identity { certificate, key: private })
    }
}

/// Why `certificate` no longer serves, if it does not.
pub(super) fn why_renew(
    certificate: &Certificate,
    template: &Template,
    authority: &Authority,
    now: Timestamp,
) -> Option<Why> {
    let window = certificate.window;
    if now < window.not_before {
        return Some(Why::NotYetValid { not_before: window.not_before });
    }
    if window.is_due(now) {
        return Some(Why::Expiring { not_after: window.not_after });
    }
    if !certificate.is_signed_by(authority.ca.certificate()) {
        return Some(Why::Authority);
    }
    if certificate.subject != template.subject {
        return Some(Why::Subject);
    }
    let missing = certificate.sans.lacks(&template.sans);
    (!missing.is_empty()).then_some(Why::Names { missing })
}
