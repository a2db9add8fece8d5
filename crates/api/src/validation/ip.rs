//! IP addresses and CIDRs.
//!
//! Old fields accept what Go's parser once accepted; since 1.36 (StrictIPCIDRValidation)
//! they refuse leading zeros and IPv4-mapped addresses, unless the stored object has that
//! value already. New fields want the canonical form (KEP-4858).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::field::{FieldError, FieldErrors, Path};
use crate::goprint::quote;

const NOT_AN_IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// An address as stored objects may spell it: leading zeros are decimal, and an
/// IPv4-mapped address is the IPv4 one.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    let address = match text.contains(':') {
        true => IpAddr::V6(sloppy_v6(text)?),
        false => IpAddr::V4(sloppy_v4(text)?),
    };
    Some(address.to_canonical())
}

/// A CIDR as stored objects may spell it: the address as written, and its network.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, IpNet)> {
    let (address, length) = text.split_once('/')?;
    let mapped = address.contains(':');
    let address = parse_ip(address)?;
    let digits = !length.is_empty() && length.len() <= 9 && length.bytes().all(|b| b.is_ascii_digit());
    let written: u8 = length.parse().ok().filter(|_| digits)?;
    let length = match address {
        IpAddr::V4(_) if mapped => (written <= 128).then(|| written.saturating_sub(96))?,
        _ => written,
    };
    Some((address, IpNet::new(address, length).ok()?.trunc()))
}

fn sloppy_v4(text: &str) -> Option<Ipv4Addr> {
    let octets: Vec<&str> = text.split('.').map(without_zeros).collect();
    octets.join(".").parse().ok()
}

fn sloppy_v6(text: &str) -> Option<Ipv6Addr> {
    let groups = text.split(':').map(|group| match group.contains('.') {
        true => sloppy_v4(group).map(|v4| v4.to_string()),
        false => Some(without_zeros(group).to_owned()),
    });
    groups.collect::<Option<Vec<String>>>()?.join(":").parse().ok()
}

/// `010` is `10`, `000` is `0`, and nothing stays nothing.
fn without_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => "0",
        rest => rest,
    }
}

/// For fields older than strict validation. `stored` are the values of the object before
/// the update, which remain valid whatever they are.
pub fn legacy_ip(path: &Path, value: &str, stored: &[&str]) -> FieldErrors {
    if stored.contains(&value) {
        return FieldErrors::new();
    }
    ip_faults(value).into_iter().map(|fault| FieldError::invalid(path, value, fault)).collect()
}

/// For new fields: also canonical.
pub fn ip(path: &Path, value: &str) -> FieldErrors {
    let errors = legacy_ip(path, value, &[]);
    let canonical = parse_ip(value).map(|ip| ip.to_string());
    canonical_errors(path, value, canonical, errors)
}

fn ip_faults(value: &str) -> Vec<&'static str> {
    if parse_ip(value).is_none() {
        return vec![NOT_AN_IP];
    }
    match value.parse::<IpAddr>() {
        Err(_) => vec!["must not have leading 0s"],
        Ok(address) if is_mapped(address) => vec!["must not be an IPv4-mapped IPv6 address"],
        Ok(_) => vec![],
    }
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

/// For fields older than strict validation; see `legacy_ip`.
pub fn legacy_cidr(path: &Path, value: &str, stored: &[&str]) -> FieldErrors {
    if stored.contains(&value) {
        return FieldErrors::new();
    }
    let fault = cidr_fault(value).map(|fault| FieldError::invalid(path, value, fault));
    fault.into_iter().collect()
}

/// For new fields: also canonical.
pub fn cidr(path: &Path, value: &str) -> FieldErrors {
    let errors = legacy_cidr(path, value, &[]);
    let canonical = parse_cidr(value).map(|(_, network)| network.to_string());
    canonical_errors(path, value, canonical, errors)
}

fn cidr_fault(value: &str) -> Option<&'static str> {
    if parse_cidr(value).is_none() {
        return Some(NOT_A_CIDR);
    }
    let Some(prefix) = strict_prefix(value) else {
        return Some("must not have leading 0s in IP or prefix length");
    };
    if is_mapped(prefix.addr()) {
        return Some("must not have an IPv4-mapped IPv6 address");
    }
    (prefix.addr() != prefix.network()).then_some("must not have bits set beyond the prefix length")
}

fn strict_prefix(value: &str) -> Option<IpNet> {
    let (address, length) = value.split_once('/')?;
    let canonical = length == "0" || !length.starts_with('0');
    IpNet::new(address.parse().ok()?, length.parse().ok().filter(|_| canonical)?).ok()
}

/// An interface's address with its prefix length, in canonical form: `192.168.1.5/24`.
pub fn interface_address(path: &Path, value: &str) -> FieldErrors {
    let Some((address, network)) = parse_cidr(value) else {
        let detail = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";
        return vec![FieldError::invalid(path, value, detail)];
    };
    let canonical = format!("{address}/{}", network.prefix_len());
    canonical_errors(path, value, Some(canonical), FieldErrors::new())
}

fn canonical_errors(path: &Path, value: &str, canonical: Option<String>, errors: FieldErrors) -> FieldErrors {
    match canonical.filter(|canonical| errors.is_empty() && canonical != value) {
        Some(canonical) => {
            let detail = format!("must be in canonical form ({})", quote(&canonical));
            vec![FieldError::invalid(path, value, detail)]
        }
        None => errors,
    }
}

/// The warning for an address that a legacy field accepts and a person should rewrite.
pub fn ip_warning(path: &Path, value: &str) -> Option<String> {
    let address = parse_ip(value)?;
    let quoted = quote(value);
    match value.parse::<IpAddr>() {
        Ok(strict) if !is_mapped(strict) => {
            let canonical = strict.to_string();
            (canonical != value).then(|| {
                let canonical = quote(&canonical);
                format!("{path}: IPv6 address {quoted} should be in RFC 5952 canonical format ({canonical})")
            })
        }
        _ => {
            let canonical = quote(&address.to_string());
            Some(format!("{path}: non-standard IP address {quoted} is invalid: use {canonical}"))
        }
    }
}

/// The warnings for a CIDR that a legacy field accepts.
pub fn cidr_warnings(path: &Path, value: &str) -> Vec<String> {
    let Some((address, network)) = parse_cidr(value) else { return Vec::new() };
    let (quoted, used) = (quote(value), quote(&network.to_string()));
    let mut warnings = Vec::new();
    if address != network.addr() {
        let single = quote(&format!("{address}/{}", network.max_prefix_len()));
        warnings.push(format!(
            "{path}: CIDR value {quoted} is ambiguous in this context (should be {used} or {single}?)"
        ));
    }
    match strict_prefix(value) {
        Some(strict) if !is_mapped(strict.addr()) => {
            let canonical = strict.to_string();
            if warnings.is_empty() && canonical != value {
                let canonical = quote(&canonical);
                warnings.push(format!(
                    "{path}: IPv6 CIDR value {quoted} should be in RFC 5952 canonical format ({canonical})"
                ));
            }
        }
        _ => warnings.push(format!("{path}: non-standard CIDR value {quoted} is invalid: use {used}")),
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(errors: FieldErrors) -> Vec<String> {
        errors.into_iter().map(|e| e.detail).collect()
    }

    #[test]
    fn addresses_are_checked_strictly_and_new_fields_want_the_canonical_form() {
        let check = |value: &str, legacy: &[&str], new: &[&str]| {
            let path = Path::new("ip");
            assert_eq!(details(legacy_ip(&path, value, &[])), legacy, "{value}");
            assert_eq!(details(ip(&path, value)), new, "{value}");
        };
        check("1.2.3.4", &[], &[]);
        check("2001:db8::1", &[], &[]);
        check("::", &[], &[]);
        check("2001:DB8:0::1", &[], &["must be in canonical form (\"2001:db8::1\")"]);
        check("010.002.003.004", &["must not have leading 0s"], &["must not have leading 0s"]);
        let mapped = ["must not be an IPv4-mapped IPv6 address"];
        check("::ffff:1.2.3.4", &mapped, &mapped);
        for bad in
            ["", "1.2.3", "1.2.3.256", "a", "1.2.3.4/24", "::1%eth0", "1:2:3", "1.2.3.4.5", ":1", "::12345"]
        {
            check(bad, &[NOT_AN_IP], &[NOT_AN_IP]);
        }
    }

    #[test]
    fn a_stored_value_stays_valid() {
        let path = Path::new("ip");
        assert!(legacy_ip(&path, "010.0.0.1", &["010.0.0.1"]).is_empty());
        assert!(legacy_cidr(&path, "10.0.0.1/8", &["10.0.0.1/8"]).is_empty());
    }

    #[test]
    fn cidrs_are_checked_strictly() {
        let check = |value: &str, legacy: &[&str], new: &[&str]| {
            let path = Path::new("cidr");
            assert_eq!(details(legacy_cidr(&path, value, &[])), legacy, "{value}");
            assert_eq!(details(cidr(&path, value)), new, "{value}");
        };
        check("10.0.0.0/8", &[], &[]);
        check("::/0", &[], &[]);
        check("2001:DB8::/64", &[], &["must be in canonical form (\"2001:db8::/64\")"]);
        let zeros = ["must not have leading 0s in IP or prefix length"];
        check("10.0.0.0/08", &zeros, &zeros);
        check("010.0.0.0/8", &zeros, &zeros);
        let bits = ["must not have bits set beyond the prefix length"];
        check("10.0.0.1/8", &bits, &bits);
        let mapped = ["must not have an IPv4-mapped IPv6 address"];
        check("::ffff:10.0.0.0/104", &mapped, &mapped);
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "a/8", "10.0.0.0/+8"]
        {
            check(bad, &[NOT_A_CIDR], &[NOT_A_CIDR]);
        }
    }

    #[test]
    fn interface_addresses_keep_their_host_bits() {
        let check = |value: &str, want: &[&str]| {
            assert_eq!(details(interface_address(&Path::new("a"), value)), want, "{value}");
        };
        check("192.168.1.5/24", &[]);
        check("2001:db8::1/64", &[]);
        check("192.168.01.5/24", &["must be in canonical form (\"192.168.1.5/24\")"]);
        check("::ffff:192.168.0.1/120", &["must be in canonical form (\"192.168.0.1/24\")"]);
        check("x", &["must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"]);
    }

    #[test]
    fn warnings_say_what_to_write_instead() {
        let path = Path::new("p");
        let check = |value: &str, want: Option<&str>| assert_eq!(ip_warning(&path, value).as_deref(), want);
        check("1.2.3.4", None);
        check("01.2.3.4", Some("p: non-standard IP address \"01.2.3.4\" is invalid: use \"1.2.3.4\""));
        check(
            "::ffff:1.2.3.4",
            Some("p: non-standard IP address \"::ffff:1.2.3.4\" is invalid: use \"1.2.3.4\""),
        );
        check("::0:1", Some("p: IPv6 address \"::0:1\" should be in RFC 5952 canonical format (\"::1\")"));
        let check = |value: &str, want: &[&str]| assert_eq!(cidr_warnings(&path, value), want);
        check("10.0.0.0/8", &[]);
        check(
            "10.1.0.0/8",
            &[
                "p: CIDR value \"10.1.0.0/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.0.0/32\"?)",
            ],
        );
        check("010.0.0.0/8", &["p: non-standard CIDR value \"010.0.0.0/8\" is invalid: use \"10.0.0.0/8\""]);
        check("0::/8", &["p: IPv6 CIDR value \"0::/8\" should be in RFC 5952 canonical format (\"::/8\")"]);
    }
}
