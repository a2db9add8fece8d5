//! Addresses that services and their endpoints may have.

use std::net::IpAddr;

use ironclad_api::{FieldError, Path, validation};

/// Addresses that never are somebody else's endpoint.
pub(crate) fn validate_reachable(ip: &str, path: &Path) -> Option<FieldError> {
    let Some(address) = validation::ip::parse_ip(ip) else {
        return Some(FieldError::invalid(path, ip, "must be a valid IP address"));
    };
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let detail = if address.is_unspecified() {
        format!("may not be unspecified ({ip})")
    } else if address.is_loopback() {
        "may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned()
    } else if link_local {
        "may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned()
    } else if address.is_multicast() {
        "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned()
    } else {
        return None;
    };
    Some(FieldError::invalid(path, ip, detail))
}
