//! `ip('10.0.0.1').isLoopback()`.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library>

use std::any::Any;
use std::net::{IpAddr, Ipv6Addr};

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
pub(super) fn fault(text: &str) -> &'static str {
    let first = text.find(['.', ':', '%']).and_then(|at| text.get(at..=at));
    if first != Some(".") {
        return "unable to parse IP";
    }
    let mut fields = 0;
    for field in text.split('.') {
        fields += 1;
        if field.is_empty() {
            return "IPv4 field must have at least one digit";
        }
        if !field.bytes().all(|b| b.is_ascii_digit()) {
            return "unexpected character";
        }
        if field.len() > 1 && field.starts_with('0') {
            return "IPv4 field has octet with leading zero";
        }
        if field.parse::<u8>().is_err() {
            return "IPv4 field has value >255";
        }
    }
    if fields > 4 { "IPv4 address too long" } else { "IPv4 address too short" }
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
