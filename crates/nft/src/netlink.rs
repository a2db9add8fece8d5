//! The socket: sends messages, gathers answers.

use std::io;
use std::os::fd::AsFd;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::libc::MSG_DONTWAIT;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use crate::abi::*;
use crate::wire::{Attributes, Message, Messages, read_u32};

/// The kernel writes at most 32 KiB per datagram of a dump.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Room in the socket for answers of a batch, of which each failing message has one.
const RECEIVE_QUEUE: usize = 1024 * 1024;
/// The kernel answers a request while it is being sent; this only bounds a fault.
const ANSWER_TIMEOUT_S: i64 = 10;

/// What went wrong while talking to netfilter.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    #[error("cannot open a netlink socket to netfilter (needs CAP_NET_ADMIN): {0}")]
    Open(io::Error),
    #[error("cannot send {bytes} bytes to netfilter: {error}")]
    Send { bytes: usize, error: io::Error },
    #[error("no answer from netfilter: {0}")]
    Receive(io::Error),
    #[error("the kernel refused: {error}{}", detail(.message))]
    Refused { error: io::Error, message: Option<String> },
    /// The state changed while it was being listed; try again.
    #[error("interrupted while listing")]
    Interrupted,
    #[error("a name or list is too long for a netlink message")]
    TooLong,
}

fn detail(message: &Option<String>) -> String {
    message.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

/// One answer to one message.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) seq: u32,
    /// A positive errno, or zero for an acknowledgement.
    pub(crate) errno: i32,
    pub(crate) message: Option<String>,
}

impl Answer {
    pub(crate) fn error(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

pub(crate) struct NetlinkSocket {
    socket: Socket,
    buffer: Vec<u8>,
    next_seq: u32,
}

impl NetlinkSocket {
    /// Opens a socket in the network namespace of the calling thread.
    pub(crate) fn open() -> Result<Self, NetlinkError> {
        Self::try_open().map_err(NetlinkError::Open)
    }

    fn try_open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Both are only for better messages; kernels before 4.12 lack them.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        let fd = socket.as_fd();
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(ANSWER_TIMEOUT_S, 0))?;
        let _ = setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_QUEUE);
        Ok(Self { socket, buffer: Vec::with_capacity(RECEIVE_BUFFER), next_seq: 1 })
    }

    /// Sequence numbers for `count` messages; the first of them.
    pub(crate) fn take_seqs(&mut self, count: u32) -> u32 {
        let first = self.next_seq;
        self.next_seq = self.next_seq.wrapping_add(count.max(1));
        first
    }

    /// Sends one datagram and returns all answers to it. The kernel handles a
    /// datagram within the call that sends it, so the answers are there already.
    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<Answer>, NetlinkError> {
        self.send(bytes)?;
        let mut answers = Vec::new();
        while let Some(datagram) = self.receive(MSG_DONTWAIT)? {
            answers.extend(Messages(datagram).filter_map(|message| answer(&message)));
        }
        Ok(answers)
    }

    /// Sends a request and calls `each` with every message of its answer, up to
    /// the end of the dump or the acknowledgement.
    pub(crate) fn request(
        &mut self,
        bytes: &[u8],
        seq: u32,
        mut each: impl FnMut(Message<'_>),
    ) -> Result<(), NetlinkError> {
        self.send(bytes)?;
        let mut interrupted = false;
        loop {
            let datagram = self.receive(0)?.unwrap_or_default();
            for message in Messages(datagram).filter(|message| message.seq == seq) {
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_DONE if interrupted => return Err(NetlinkError::Interrupted),
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => return finished(&message),
                    _ => each(message),
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), NetlinkError> {
        // A transaction is one datagram, and the kernel takes none that is
        // greater than the socket's buffer (which counts overhead as well).
        let room = bytes.len().saturating_mul(2).max(64 * 1024);
        let failed = |error| NetlinkError::Send { bytes: bytes.len(), error };
        setsockopt(&self.socket.as_fd(), sockopt::SndBufForce, &room)
            .map_err(|errno| failed(errno.into()))?;
        self.socket.send(bytes, 0).map_err(failed).map(drop)
    }

    /// The next datagram; `None` when a non-blocking call finds none.
    fn receive(&mut self, flags: i32) -> Result<Option<&[u8]>, NetlinkError> {
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer, flags) {
            Ok(_) => Ok(Some(&self.buffer)),
            Err(error) if flags != 0 && error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(NetlinkError::Receive(error)),
        }
    }
}

fn finished(message: &Message<'_>) -> Result<(), NetlinkError> {
    match answer(message) {
        Some(answer) if answer.errno != 0 => {
            Err(NetlinkError::Refused { error: answer.error(), message: answer.message })
        }
        _ => Ok(()),
    }
}

/// Reads `struct nlmsgerr` and the words that may follow it.
fn answer(message: &Message<'_>) -> Option<Answer> {
    /// The error number and the header of the message that failed.
    const FIXED: usize = 4 + 16;
    if message.kind != NLMSG_ERROR {
        return None;
    }
    let code = read_u32(message.payload)?.cast_signed();
    let words = (message.flags & NLM_F_ACK_TLVS != 0).then(|| {
        let echoed = match message.flags & NLM_F_CAPPED {
            0 => read_u32(message.payload.get(4..)?)? as usize,
            _ => FIXED - 4,
        };
        let attributes = message.payload.get((4 + echoed).next_multiple_of(4)..)?;
        Attributes(attributes).str(NLMSGERR_ATTR_MSG).map(str::to_owned)
    });
    let seq = read_u32(message.payload.get(12..)?)?;
    Some(Answer { seq, errno: code.wrapping_neg(), message: words.flatten() })
}
