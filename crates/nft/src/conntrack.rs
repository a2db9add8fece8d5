//! Connection tracking: finds and deletes entries.
//!
//! A UDP "connection" lives as long as its client keeps sending, so one whose
//! endpoint is gone would be sent into the void for ever. Deleting its entry
//! makes the next packet choose again.

use std::net::{IpAddr, SocketAddr};

use crate::abi::*;
use crate::lower::number;
use crate::netlink::{NetlinkError, NetlinkSocket};
use crate::table::Family;
use crate::wire::{Attributes, Head, Writer};

/// IP protocol number of UDP.
pub const UDP: u8 = 17;
/// More entries than this are not looked at in one listing.
const MOST_FLOWS: usize = 1_000_000;
const ENOENT: i32 = 2;

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub source: SocketAddr,
    pub dest: SocketAddr,
}

/// A tracked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// As the client sent it: `original.dest` is the service.
    pub original: Tuple,
    /// As answers come: `reply.source` is the endpoint.
    pub reply: Tuple,
    protocol: u8,
    zone: u16,
    /// Tells the entry from a later one of the same tuple.
    id: u32,
}

/// A socket to connection tracking.
pub struct Conntrack {
    socket: NetlinkSocket,
}

impl Conntrack {
    /// Opens a socket in the network namespace of the calling thread.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { socket: NetlinkSocket::open()? })
    }

    /// All entries of one family and transport protocol that `wanted` picks.
    pub fn list(
        &mut self,
        family: Family,
        protocol: u8,
        mut wanted: impl FnMut(&Flow) -> bool,
    ) -> Result<Vec<Flow>, NetlinkError> {
        let seq = self.socket.take_seqs(1);
        let request = encode(IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, seq, |_| {});
        let mut flows = Vec::new();
        self.socket.request(&request.ok_or(NetlinkError::TooLong)?, seq, |message| {
            let flow = decode(message.attributes());
            if let Some(flow) = flow.filter(|flow| flow.protocol == protocol && wanted(flow))
                && flows.len() < MOST_FLOWS
            {
                flows.push(flow);
            }
        })?;
        Ok(flows)
    }

    /// Deletes one entry. False if it was gone already.
    pub fn delete(&mut self, flow: &Flow) -> Result<bool, NetlinkError> {
        let seq = self.socket.take_seqs(1);
        let family = Family::of(&flow.original.dest.ip());
        let request = encode(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family, seq, |w| {
            w.nested(CTA_TUPLE_ORIG, |w| write_tuple(w, &flow.original, flow.protocol));
            w.be32(CTA_ID, flow.id);
            if flow.zone != 0 {
                w.be16(CTA_ZONE, flow.zone);
            }
        });
        let sent = self.socket.request(&request.ok_or(NetlinkError::TooLong)?, seq, |_| {});
        match sent {
            Ok(()) => Ok(true),
            Err(NetlinkError::Refused { error, .. }) if error.raw_os_error() == Some(ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn encode(
    kind: u16,
    flags: u16,
    family: Family,
    seq: u32,
    body: impl FnOnce(&mut Writer),
) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    let kind = message(NFNL_SUBSYS_CTNETLINK, kind);
    let flags = NLM_F_REQUEST | flags;
    writer.message(Head { kind, flags, seq, family: number(family), resource: 0 }, body);
    writer.finish()
}

fn write_tuple(w: &mut Writer, tuple: &Tuple, protocol: u8) {
    w.nested(CTA_TUPLE_IP, |w| {
        write_addr(w, (CTA_IP_V4_SRC, CTA_IP_V6_SRC), tuple.source.ip());
        write_addr(w, (CTA_IP_V4_DST, CTA_IP_V6_DST), tuple.dest.ip());
    });
    w.nested(CTA_TUPLE_PROTO, |w| {
        w.bytes(CTA_PROTO_NUM, &[protocol]);
        w.be16(CTA_PROTO_SRC_PORT, tuple.source.port());
        w.be16(CTA_PROTO_DST_PORT, tuple.dest.port());
    });
}

fn write_addr(w: &mut Writer, (v4, v6): (u16, u16), addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => w.bytes(v4, &addr.octets()),
        IpAddr::V6(addr) => w.bytes(v6, &addr.octets()),
    }
}

/// `None` for entries without ports (ICMP) and anything malformed.
fn decode(attributes: Attributes<'_>) -> Option<Flow> {
    let original = attributes.nested(CTA_TUPLE_ORIG)?;
    Some(Flow {
        original: tuple(original)?,
        reply: tuple(attributes.nested(CTA_TUPLE_REPLY)?)?,
        protocol: *original.nested(CTA_TUPLE_PROTO)?.get(CTA_PROTO_NUM)?.first()?,
        zone: attributes.be16(CTA_ZONE).unwrap_or_default(),
        id: attributes.be32(CTA_ID)?,
    })
}

fn tuple(attributes: Attributes<'_>) -> Option<Tuple> {
    let ip = attributes.nested(CTA_TUPLE_IP)?;
    let ports = attributes.nested(CTA_TUPLE_PROTO)?;
    let addr = |v4, v6| read_addr(ip.get(v4)).or_else(|| read_addr(ip.get(v6)));
    let source = addr(CTA_IP_V4_SRC, CTA_IP_V6_SRC)?;
    let dest = addr(CTA_IP_V4_DST, CTA_IP_V6_DST)?;
    Some(Tuple {
        source: SocketAddr::new(source, ports.be16(CTA_PROTO_SRC_PORT)?),
        dest: SocketAddr::new(dest, ports.be16(CTA_PROTO_DST_PORT)?),
    })
}

fn read_addr(bytes: Option<&[u8]>) -> Option<IpAddr> {
    match bytes?.len() {
        4 => bytes?.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        16 => bytes?.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}
