//! `ip('10.0.0.1').isLoopback()`.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library>

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Library, Run};
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Foreign, Value, quote};

pub(super) const NAME: &str = "net.IP";

/// An address.
#[derive(Debug, PartialEq)]
pub(super) struct Address(pub(super) IpAddr);

impl Foreign for Address {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Foreign) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self == other)
    }

    fn size(&self) -> usize {
        if self.0.is_ipv4() { 4 } else { 16 }
    }
}

pub(super) fn declare(library: &mut Library) {
    use Type::{Bool, Int, String};
    let own = || [Type::Opaque(NAME)];
    library.function("ip", "string_to_ip", [String], Type::Opaque(NAME), |args| match args {
        [Value::String(text)] => Ok(Value::foreign(Address(parse(text)?))),
        _ => Err(Error::no_such_overload()),
    });
    library.function("isIP", "is_ip", [String], Bool, |args| match args {
        [Value::String(text)] => Ok(Value::Bool(parse(text).is_ok())),
        _ => Err(Error::no_such_overload()),
    });
    library.function("ip.isCanonical", "ip_is_canonical", [String], Bool, |args| match args {
        [Value::String(text)] => Ok(Value::Bool(parse(text)?.to_string() == **text)),
        _ => Err(Error::no_such_overload()),
    });
    library.function("string", "ip_to_string", own(), String, |args| {
        Ok(Value::string(address(args)?.to_string()))
    });
    library.method("family", "ip_family", own(), Int, |args| {
        Ok(Value::Int(if address(args)?.is_ipv4() { 4 } else { 6 }))
    });
    let tests: [(&'static str, &'static str, Run); 5] = [
        ("isUnspecified", "ip_is_unspecified", |args| holds(args, |ip| ip.is_unspecified())),
        ("isLoopback", "ip_is_loopback", |args| holds(args, |ip| ip.is_loopback())),
        ("isLinkLocalMulticast", "ip_is_link_local_multicast", |args| holds(args, is_link_local_multicast)),
        ("isLinkLocalUnicast", "ip_is_link_local_unicast", |args| holds(args, is_link_local_unicast)),
        ("isGlobalUnicast", "ip_is_global_unicast", |args| holds(args, is_global_unicast)),
    ];
    for (name, id, run) in tests {
        library.method(name, id, own(), Bool, run);
    }
}

pub(super) fn address(args: &[Value<'_>]) -> Result<IpAddr, Error> {
    let address: Option<&Address> = args.first().and_then(Value::as_foreign);
    address.map(|address| address.0).ok_or_else(Error::no_such_overload)
}

fn holds<'a>(args: &[Value<'a>], test: fn(IpAddr) -> bool) -> Answer<'a> {
    Ok(Value::Bool(test(address(args)?)))
}

/// Reads an address without a zone that is no IPv4 address in IPv6's clothes.
pub(super) fn parse(text: &str) -> Result<IpAddr, Error> {
    let quoted = quote(text);
    if let Some((address, zone)) = text.split_once('%')
        && !zone.is_empty()
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return Err(Error::new(format!("IP address {quoted} with zone value is not allowed")));
    }
    let address: IpAddr = text.parse().map_err(|_| {
        let why = format!("ParseAddr({quoted}): {}", fault(text));
        Error::new(format!("IP Address {quoted} parse error during conversion from string: {why}"))
    })?;
    match address {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            Err(Error::new(format!("IPv4-mapped IPv6 address {quoted} is not allowed")))
        }
        address => Ok(address),
    }
}

/// What Go's `netip` says of a text that is no address.
pub(super) fn fault(text: &str) -> String {
    match text.find(['.', ':', '%']).and_then(|at| text.get(at..=at)) {
        Some(".") => fault_of_fields(text),
        Some(":") => fault_of_groups(text),
        Some(_) => "missing IPv6 address".to_owned(),
        None => "unable to parse IP".to_owned(),
    }
}

fn at(what: &str, rest: &str) -> String {
    format!("{what} (at {})", quote(rest))
}

/// Of an IPv4 address.
fn fault_of_fields(text: &str) -> String {
    let (mut digits, mut value, mut fields) = (0, 0_u32, 0);
    for (index, c) in text.char_indices() {
        let rest = &text[index..];
        match c.to_digit(10) {
            Some(_) if digits == 1 && value == 0 => {
                return "IPv4 field has octet with leading zero".to_owned();
            }
            Some(digit) => {
                (value, digits) = (value * 10 + digit, digits + 1);
                if value > 255 {
                    return "IPv4 field has value >255".to_owned();
                }
            }
            None if c == '.' && (digits == 0 || rest.len() == 1) => {
                return at("IPv4 field must have at least one digit", rest);
            }
            None if c == '.' && fields == 3 => return "IPv4 address too long".to_owned(),
            None if c == '.' => (value, digits, fields) = (0, 0, fields + 1),
            None => return at("unexpected character", rest),
        }
    }
    "IPv4 address too short".to_owned()
}

const EMPTY_GAP: &str = "the :: must expand to at least one field of zeros";

/// Of an IPv6 address.
fn fault_of_groups(text: &str) -> String {
    let (mut rest, zone) = text.split_once('%').map_or((text, None), |(rest, zone)| (rest, Some(zone)));
    if zone == Some("") {
        return "zone must be a non-empty string".to_owned();
    }
    let mut groups = 0;
    let mut gap = rest.starts_with("::");
    if gap {
        rest = &rest[2..];
    }
    while groups < 8 {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        match digits {
            0 => return at("each colon-separated field must have at least one digit", rest),
            1..=4 => {}
            _ => return at("each group must have 4 or less digits", rest),
        }
        let after = &rest[digits..];
        if after.starts_with('.') {
            return match (gap, groups) {
                (false, groups) if groups != 6 => {
                    at("embedded IPv4 address must replace the final 2 fields of the address", rest)
                }
                (_, 7..) => at("too many hex fields to fit an embedded IPv4 at the end of the address", rest),
                _ if rest.parse::<Ipv4Addr>().is_ok() => EMPTY_GAP.to_owned(),
                _ => fault_of_fields(rest),
            };
        }
        groups += 1;
        rest = after;
        match (rest.strip_prefix(':'), rest.is_empty()) {
            (_, true) => break,
            (None, _) => return at("unexpected character, want colon", rest),
            (Some(""), _) => return at("colon must be followed by more characters", rest),
            (Some(after), _) => rest = after,
        }
        if let Some(after) = rest.strip_prefix(':') {
            if gap {
                return at("multiple :: in address", rest);
            }
            (gap, rest) = (true, after);
            if rest.is_empty() {
                break;
            }
        }
    }
    match (rest.is_empty(), gap) {
        (false, _) => at("trailing garbage after address", rest),
        (true, true) => EMPTY_GAP.to_owned(),
        (true, false) => "address string too short".to_owned(),
    }
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_link_local_unicast(ip))
}
