//! Distinguished names as Kubernetes reads them: CN is the user, each O a group.

use der::asn1::{Any, AnyRef, BmpString, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use der::{Decode, Encode, Tag, Tagged};
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RelativeDistinguishedName};

use crate::oid;

/// Why a subject could not be written or read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubjectError {
    #[error("cannot encode the subject: {reason}")]
    Encode { reason: String },
    #[error("cannot read the subject: {reason}")]
    Decode { reason: String },
    #[error("the subject has an attribute {oid} that is not text")]
    NotText { oid: String },
}

/// The parts of a distinguished name that mean something to Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user's name. Empty if the certificate names nobody.
    pub common_name: String,
    /// The user's groups, in the certificate's order, repeats kept.
    pub organizations: Vec<String>,
    /// Values of 1.3.6.1.4.1.57683.2, the user's UID; more than one is an error
    /// to whoever authenticates with it.
    pub uids: Vec<String>,
}

// === impl Subject ===

impl Subject {
    pub fn new(common_name: impl Into<String>, organizations: &[&str]) -> Self {
        Subject {
            common_name: common_name.into(),
            organizations: organizations.iter().map(|&o| o.to_owned()).collect(),
            uids: Vec::new(),
        }
    }

    /// The identity of a node's agent (the Node authorizer's naming rule).
    pub fn node(name: &str) -> Self {
        Subject::new(format!("system:node:{name}"), &["system:nodes"])
    }

    /// The distinguished name: one relative name per O, then the CN, all UTF-8.
    pub(crate) fn to_name(&self) -> Result<Name, SubjectError> {
        let encode = |error: der::Error| SubjectError::Encode { reason: error.to_string() };
        let organizations = self.organizations.iter().map(|value| (oid::ORGANIZATION, value));
        let common_name = (!self.common_name.is_empty()).then_some((oid::COMMON_NAME, &self.common_name));
        let uids = self.uids.iter().map(|value| (oid::KUBERNETES_UID, value));
        let mut names = Vec::new();
        for (oid, text) in organizations.chain(common_name).chain(uids) {
            let value = Utf8StringRef::new(text).and_then(|text| Any::encode_from(&text)).map_err(encode)?;
            let attribute = AttributeTypeAndValue { oid, value };
            names.push(RelativeDistinguishedName::try_from(vec![attribute]).map_err(encode)?);
        }
        Name::from_der(&names.to_der().map_err(encode)?).map_err(encode)
    }

    /// Reads a name as Go's crypto/x509 does: the last CN wins, every O counts.
    pub(crate) fn from_name(name: &Name) -> Result<Self, SubjectError> {
        let mut subject = Subject::default();
        for attribute in name.iter() {
            let known = [oid::COMMON_NAME, oid::ORGANIZATION, oid::KUBERNETES_UID];
            if !known.contains(&attribute.oid) {
                continue;
            }
            let value = text(AnyRef::from(&attribute.value))
                .ok_or_else(|| SubjectError::NotText { oid: attribute.oid.to_string() })?;
            match attribute.oid {
                oid::COMMON_NAME => subject.common_name = value,
                oid::ORGANIZATION => subject.organizations.push(value),
                _ => subject.uids.push(value),
            }
        }
        Ok(subject)
    }

    /// Reads the subject of a DER `Name`.
    pub fn from_der(der: &[u8]) -> Result<Self, SubjectError> {
        let name = Name::from_der(der).map_err(|error| SubjectError::Decode { reason: error.to_string() })?;
        Self::from_name(&name)
    }
}

/// The text of a directory string in any of its encodings.
fn text(value: AnyRef<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|s| s.as_str().to_owned()),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().ok().map(|s| s.as_str().to_owned())
        }
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|s| s.as_str().to_owned()),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok().map(|s| s.as_str().to_owned()),
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|s| s.to_string()),
        Tag::NumericString => String::from_utf8(value.value().to_vec()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subject: Subject) {
        let name = subject.to_name().unwrap();
        assert_eq!(Subject::from_name(&name), Ok(subject));
    }

    #[test]
    fn a_subject_is_read_back_with_its_groups_in_order_and_repeated() {
        check(Subject::default());
        check(Subject::new("kubernetes-admin", &["system:masters"]));
        check(Subject::new("jürgen, \"x\"+y=z", &["b", "a", "b", "c=d"]));
        check(Subject { uids: vec!["1".into(), "2".into()], ..Subject::new("u", &[]) });
        check(Subject::node("n1"));
    }

    #[test]
    fn the_last_common_name_wins_and_other_encodings_are_read() {
        let printable = Any::encode_from(&PrintableStringRef::new("first").unwrap()).unwrap();
        let ia5 = Any::encode_from(&Ia5StringRef::new("second").unwrap()).unwrap();
        let names: Vec<RelativeDistinguishedName> = [printable, ia5]
            .into_iter()
            .map(|value| AttributeTypeAndValue { oid: oid::COMMON_NAME, value })
            .map(|attribute| RelativeDistinguishedName::try_from(vec![attribute]).unwrap())
            .collect();
        let subject = Subject::from_der(&names.to_der().unwrap()).unwrap();
        assert_eq!(subject.common_name, "second");
    }

    #[test]
    fn a_common_name_that_is_not_text_is_refused() {
        let number = Any::encode_from(&7u8).unwrap();
        let attribute = AttributeTypeAndValue { oid: oid::COMMON_NAME, value: number };
        let names = vec![RelativeDistinguishedName::try_from(vec![attribute]).unwrap()];
        assert_eq!(
            Subject::from_der(&names.to_der().unwrap()),
            Err(SubjectError::NotText { oid: "2.5.4.3".into() })
        );
        assert!(Subject::from_der(b"\x30\x05").is_err());
    }
}
