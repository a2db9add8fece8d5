//! The administrator's kubeconfig, which carries its certificate and key.

use std::path::Path;

use super::error::Remedy;
use super::leaf::why_renew;
use super::{Authority, BundleError, Change, Description, Opener, Why};
use crate::certificate::Certificate;
use crate::issue::{LEAF_LIFETIME, Template};
use crate::key::PrivateKey;
use crate::kubeconfig::{Credential, Kubeconfig, ServerTrust, build};
use crate::subject::Subject;

/// The administrator's user name; its group is `system:masters`, which RBAC
/// cannot lock out.
pub const ADMIN_USER: &str = "kubernetes-admin";

pub(super) const FILE: &str = "admin.kubeconfig";

impl Opener<'_> {
    /// The kubeconfig at `admin.kubeconfig`. It is replaced as a whole.
    pub(super) fn admin(
        &mut self,
        wanted: &Description,
        authority: &Authority,
    ) -> Result<Kubeconfig, BundleError> {
        let template = Template::client(Subject::new(ADMIN_USER, &["system:masters"]));
        let Some(text) = self.files.read(FILE)? else {
            let made = Change::Created { path: self.files.path(FILE) };
            return self.write_admin(wanted, &template, authority, made);
        };
        self.tighten(FILE)?;
        let (config, why) = self.judge_admin(&text, wanted, &template, authority)?;
        match why {
            None => Ok(config),
            Some(why) => {
                let renewed = Change::Renewed { path: self.files.path(FILE), why };
                self.write_admin(wanted, &template, authority, renewed)
            }
        }
    }

    /// The kubeconfig in `text`, and why it no longer serves, if it does not.
    fn judge_admin(
        &self,
        text: &[u8],
        wanted: &Description,
        template: &Template,
        authority: &Authority,
    ) -> Result<(Kubeconfig, Option<Why>), BundleError> {
        let corrupt = |problem: &dyn std::fmt::Display| self.corrupt(FILE, problem, Remedy::Remove);
        let config =
            Kubeconfig::from_yaml(&String::from_utf8_lossy(text)).map_err(|error| corrupt(&error))?;
        let read = |path: &Path| std::fs::read(path);
        let connection =
            config.resolve(None, &self.files.path(""), &read).map_err(|error| corrupt(&error))?;
        let chain = connection.identity.map(|(chain, _)| chain).unwrap_or_default();
        let leaf = chain.into_iter().next().ok_or_else(|| corrupt(&"it holds no client certificate"))?;
        let certificate = Certificate::from_der(leaf).map_err(|error| corrupt(&error))?;
        let trusted: Vec<_> = authority.trusted.iter().map(|ca| ca.der().clone()).collect();
        let moved = connection.server != wanted.api_url || connection.trust != ServerTrust::Ca(trusted);
        let why = why_renew(&certificate, template, authority, self.now).or(moved.then_some(Why::Server));
        Ok((config, why))
    }

    fn write_admin(
        &mut self,
        wanted: &Description,
        template: &Template,
        authority: &Authority,
        change: Change,
    ) -> Result<Kubeconfig, BundleError> {
        let key = PrivateKey::generate().map_err(|error| self.cannot_make(FILE, error))?;
        let serial = (self.serial)();
        let certificate = authority
            .ca
            .issue(template, key.public_key(), LEAF_LIFETIME, self.now, serial)
            .map_err(|error| self.cannot_make(FILE, error))?;
        let credential = Credential::Certificate { certificate: certificate.to_pem(), key: key.to_pem() };
        let config =
            build(&wanted.cluster_name, &wanted.api_url, &authority.to_pem(), ADMIN_USER, &credential);
        let text = config.to_yaml().map_err(|error| self.cannot_make(FILE, error))?;
        self.files.write(FILE, &text)?;
        self.changes.push(change);
        Ok(config)
    }
}
