//! `cidr('10.0.0.0/8').containsIP('10.0.0.1')`.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-cidr-library>

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Library;
use super::addresses::{self, Address};
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Foreign, Value, quote};

const NAME: &str = "net.CIDR";

/// An address and how many of its bits are the network's.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Foreign for Network {
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
        usize::from(self.bits).div_ceil(8)
    }
}

impl Network {
    /// The address with the bits behind the network's set to zero.
    fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(ip) & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(ip) & mask))
            }
        };
        Self { address, bits: self.bits }
    }

    fn contains(self, ip: IpAddr) -> bool {
        let same_family = self.address.is_ipv4() == ip.is_ipv4();
        same_family && self.masked().address == (Self { address: ip, bits: self.bits }).masked().address
    }

    fn contains_network(self, other: Self) -> bool {
        self.bits <= other.bits && self.contains(other.address)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

pub(super) fn declare(library: &mut Library) {
    use Type::{Bool, Int, String};
    let own = || Type::Opaque(NAME);
    library.function("cidr", "string_to_cidr", [String], own(), |args| match args {
        [Value::String(text)] => Ok(Value::foreign(parse(text)?)),
        _ => Err(Error::no_such_overload()),
    });
    library.function("isCIDR", "is_cidr", [String], Bool, |args| match args {
        [Value::String(text)] => Ok(Value::Bool(parse(text).is_ok())),
        _ => Err(Error::no_such_overload()),
    });
    library.function("string", "cidr_to_string", [own()], String, |args| {
        Ok(Value::string(network(args, 0)?.to_string()))
    });
    library.method("containsIP", "cidr_contains_ip_string", [own(), String], Bool, |args| match args {
        [_, Value::String(text)] => {
            // Upstream does not say what is wrong with the address.
            let ip = addresses::parse(text).map_err(|_| Error::no_such_overload())?;
            contains(args, ip)
        }
        _ => Err(Error::no_such_overload()),
    });
    library.method(
        "containsIP",
        "cidr_contains_ip_ip",
        [own(), Type::Opaque(addresses::NAME)],
        Bool,
        |args| {
            let ip = addresses::address(args.get(1..).unwrap_or_default())?;
            contains(args, ip)
        },
    );
    library.method("containsCIDR", "cidr_contains_cidr_string", [own(), String], Bool, |args| match args {
        [_, Value::String(text)] => {
            let other = parse(text)?;
            Ok(Value::Bool(network(args, 0)?.contains_network(other)))
        }
        _ => Err(Error::no_such_overload()),
    });
    library.method("containsCIDR", "cidr_contains_cidr", [own(), own()], Bool, |args| {
        Ok(Value::Bool(network(args, 0)?.contains_network(network(args, 1)?)))
    });
    library.method("ip", "cidr_ip", [own()], Type::Opaque(addresses::NAME), |args| {
        Ok(Value::foreign(Address(network(args, 0)?.address)))
    });
    library.method("prefixLength", "cidr_prefix_length", [own()], Int, |args| {
        Ok(Value::Int(network(args, 0)?.bits.into()))
    });
    library.method("masked", "cidr_masked", [own()], own(), |args| {
        Ok(Value::foreign(network(args, 0)?.masked()))
    });
}

fn network(args: &[Value<'_>], at: usize) -> Result<Network, Error> {
    let network: Option<&Network> = args.get(at).and_then(Value::as_foreign);
    network.copied().ok_or_else(Error::no_such_overload)
}

fn contains<'a>(args: &[Value<'a>], ip: IpAddr) -> Answer<'a> {
    Ok(Value::Bool(network(args, 0)?.contains(ip)))
}

fn parse(text: &str) -> Result<Network, Error> {
    // Upstream says it twice.
    let failed = |why: String| {
        let what = "network address parse error during conversion from string";
        Error::new(format!("{what}: {what}: netip.ParsePrefix({}): {why}", quote(text)))
    };
    let (address, bits) = text.rsplit_once('/').ok_or_else(|| failed("no '/'".to_owned()))?;
    let ip: IpAddr = address
        .parse()
        .map_err(|_| failed(format!("ParseAddr({}): {}", quote(address), addresses::fault(address))))?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let well_formed = bits.bytes().all(|b| b.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
    if !well_formed || bits.is_empty() {
        return Err(failed(format!("bad bits after slash: {}", quote(bits))));
    }
    let bits = bits
        .parse()
        .ok()
        .filter(|bits| *bits <= most)
        .ok_or_else(|| failed("prefix length out of range".to_owned()))?;
    match ip {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let what = "network address parse error during conversion from string";
            Err(Error::new(format!("{what}: IPv4-mapped IPv6 address {} is not allowed", quote(text))))
        }
        address => Ok(Network { address, bits }),
    }
}
