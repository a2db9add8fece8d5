//! The object identifiers this crate reads or writes.

use der::asn1::ObjectIdentifier;

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

// Attributes of a distinguished name (RFC 4519).
pub const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
pub const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
/// Kubernetes' own attribute: the user's UID (KEP-4017, beta since 1.34).
pub const KUBERNETES_UID: ObjectIdentifier = oid("1.3.6.1.4.1.57683.2");

// Keys and signatures (RFC 5480, RFC 5758, RFC 8017).
pub const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
pub const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub const P384: ObjectIdentifier = oid("1.3.132.0.34");
pub const ECDSA_WITH_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");

/// PKCS#9 `extensionRequest`, the attribute of a request that carries SANs (RFC 2985).
pub const EXTENSION_REQUEST: ObjectIdentifier = oid("1.2.840.113549.1.9.14");

// Extended key usages (RFC 5280 section 4.2.1.12 and vendors).
pub const ANY_USAGE: ObjectIdentifier = oid("2.5.29.37.0");
pub const SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
pub const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
pub const CODE_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.3");
pub const EMAIL_PROTECTION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
pub const IPSEC_END_SYSTEM: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.5");
pub const IPSEC_TUNNEL: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.6");
pub const IPSEC_USER: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.7");
pub const TIMESTAMPING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.8");
pub const OCSP_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");
pub const MICROSOFT_SGC: ObjectIdentifier = oid("1.3.6.1.4.1.311.10.3.3");
pub const NETSCAPE_SGC: ObjectIdentifier = oid("2.16.840.1.113730.4.1");
