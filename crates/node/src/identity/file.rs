//! A certificate and its key in one file.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use ironclad_pki::certificate::Certificate;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::private_file;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::IdentityError;

/// A certificate, those that lead from it to the CA, and its key.
pub(super) struct Pair {
    pub chain: Vec<Certificate>,
    pub key: PrivateKey,
}

impl Pair {
    /// The certificate itself. A pair has one.
    pub(super) fn leaf(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    pub(super) fn to_tls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = self.chain.iter().map(|certificate| certificate.der().clone()).collect();
        (chain, PrivateKeyDer::Pkcs8(self.key.to_pkcs8()))
    }

    /// `None`: there is no such file.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, IdentityError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(IdentityError::File { path: path.to_owned(), source }),
        };
        let damaged = |reason: String| IdentityError::Damaged { path: path.to_owned(), reason };
        let chain = Certificate::all_from_pem(&text).map_err(|error| damaged(error.to_string()))?;
        let key = PrivateKey::from_pem(&text).map_err(|error| damaged(error.to_string()))?;
        match chain.first() {
            Some(leaf) if leaf.public_key == *key.public_key() => Ok(Some(Self { chain, key })),
            _ => Err(damaged("the certificate is not for the key".to_owned())),
        }
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), IdentityError> {
        let certificates: String = self.chain.iter().map(Certificate::to_pem).collect();
        write(path, &(certificates + &self.key.to_pem()))
    }
}

/// Replaces a file as a whole, readable by its owner only. Its folder is made.
pub(super) fn write(path: &Path, contents: &str) -> Result<(), IdentityError> {
    let folder = path.parent().unwrap_or(path);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let written = made.and_then(|()| private_file::replace(path, contents.as_bytes()));
    written.map_err(|source| IdentityError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use ironclad_pki::ca::CertificateAuthority;
    use ironclad_pki::issue::{LEAF_LIFETIME, Template};
    use jiff::Timestamp;

    use super::*;

    fn pair() -> Pair {
        let now = Timestamp::constant(1_800_000_000, 0);
        let ca = CertificateAuthority::generate("kubernetes", now, [1; 16]).expect("a CA");
        let key = PrivateKey::generate().expect("a key");
        let template = Template::node_client("n1");
        let leaf = ca.issue(&template, key.public_key(), LEAF_LIFETIME, now, [2; 16]).expect("a certificate");
        Pair { chain: vec![leaf], key }
    }

    #[test]
    fn a_pair_is_read_as_it_was_written_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("agent/client.pem");
        assert!(Pair::load(&path).expect("no error").is_none());
        let written = pair();
        for _ in 0..2 {
            written.save(&path).expect("written");
        }
        let read = Pair::load(&path).expect("readable").expect("there");
        assert_eq!(read.leaf(), written.leaf());
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.path().join("agent"))), (0o600, 0o700));
    }

    #[test]
    fn halves_of_different_pairs_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("client.pem");
        let (mut one, other) = (pair(), pair());
        one.key = other.key;
        one.save(&path).expect("written");
        assert!(matches!(Pair::load(&path), Err(IdentityError::Damaged { .. })));
        write(&path, "nothing").expect("written");
        assert!(matches!(Pair::load(&path), Err(IdentityError::Damaged { .. })));
    }
}
