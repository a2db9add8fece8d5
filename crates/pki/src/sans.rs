//! Subject alternative names: what a certificate may be called by.

use std::collections::BTreeSet;
use std::net::IpAddr;

use der::asn1::Ia5String;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The four kinds of name the certificates API knows, in the certificate's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sans {
    pub dns: Vec<String>,
    pub ips: Vec<IpAddr>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
}

// === impl Sans ===

impl Sans {
    /// DNS names and addresses, each once, in the given order.
    pub fn new(dns: impl IntoIterator<Item = String>, ips: impl IntoIterator<Item = IpAddr>) -> Self {
        let (mut seen_dns, mut seen_ips) = (BTreeSet::new(), BTreeSet::new());
        Sans {
            dns: dns.into_iter().filter(|name| seen_dns.insert(name.clone())).collect(),
            ips: ips.into_iter().filter(|ip| seen_ips.insert(*ip)).collect(),
            ..Sans::default()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.ips.is_empty() && self.emails.is_empty() && self.uris.is_empty()
    }

    /// The DNS names and addresses of `wanted` that are not in `self`, as text.
    pub fn lacks(&self, wanted: &Sans) -> Vec<String> {
        let dns = wanted.dns.iter().filter(|name| !self.dns.contains(name)).cloned();
        let ips = wanted.ips.iter().filter(|ip| !self.ips.contains(ip)).map(IpAddr::to_string);
        dns.chain(ips).collect()
    }

    /// The X.509 extension, or none if there is no name.
    pub(crate) fn to_extension(&self) -> Result<Option<SubjectAltName>, der::Error> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut names = Vec::new();
        for dns in &self.dns {
            names.push(GeneralName::DnsName(Ia5String::new(dns)?));
        }
        for email in &self.emails {
            names.push(GeneralName::Rfc822Name(Ia5String::new(email)?));
        }
        names.extend(self.ips.iter().map(|ip| GeneralName::from(*ip)));
        for uri in &self.uris {
            names.push(GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?));
        }
        Ok(Some(SubjectAltName(names)))
    }

    /// Reads the extension. Other kinds of name are skipped, as Go does; an
    /// address that is neither 4 nor 16 bytes is an error.
    pub(crate) fn from_extension(extension: &SubjectAltName) -> Result<Self, der::Error> {
        let mut sans = Sans::default();
        for name in &extension.0 {
            match name {
                GeneralName::DnsName(dns) => sans.dns.push(dns.to_string()),
                GeneralName::Rfc822Name(email) => sans.emails.push(email.to_string()),
                GeneralName::UniformResourceIdentifier(uri) => sans.uris.push(uri.to_string()),
                GeneralName::IpAddress(bytes) => sans.ips.push(address(bytes.as_bytes())?),
                _ => {}
            }
        }
        Ok(sans)
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, der::Error> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes)
        .map(IpAddr::from)
        .map_err(|_| der::ErrorKind::Length { tag: der::Tag::OctetString }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let sans = Sans {
            emails: vec!["a@b.c".into()],
            uris: vec!["spiffe://x/y".into()],
            ..Sans::new(["a".into(), "b.c".into()], ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()])
        };
        let extension = sans.to_extension().unwrap().unwrap();
        assert_eq!(Sans::from_extension(&extension), Ok(sans));
        assert_eq!(Sans::default().to_extension(), Ok(None));
    }

    #[test]
    fn what_is_lacking_is_named() {
        let check = |has: &[&str], wants: &[&str], want: &[&str]| {
            let sans = |names: &[&str]| Sans::new(names.iter().map(|&n| n.to_owned()), []);
            assert_eq!(sans(has).lacks(&sans(wants)), want);
        };
        check(&["a", "b"], &["b"], &[]);
        check(&["a"], &["a", "c", "c"], &["c"]);
        let wanted = Sans::new([], ["10.0.0.1".parse().unwrap()]);
        assert_eq!(Sans::default().lacks(&wanted), ["10.0.0.1"]);
    }

    #[test]
    fn names_that_cannot_stand_in_a_certificate_are_refused() {
        assert!(Sans::new(["bücher".into()], []).to_extension().is_err());
        let odd =
            SubjectAltName(vec![GeneralName::IpAddress(der::asn1::OctetString::new([1, 2, 3]).unwrap())]);
        assert!(Sans::from_extension(&odd).is_err());
    }
}
