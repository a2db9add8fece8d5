//! A priority level with those who wait in it: the [machine](super::level) behind a lock, and its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::level::{Arrival, Level, Mode, Place, Ticket, Turn};
use super::metrics::{Limits, Metrics};
use super::seats::{Borrower, Bounds};
use crate::body::Budget;

/// Whoever waits is sent its place.
type Waker = oneshot::Sender<Place>;

pub struct Lane {
    name: String,
    /// As the header of answers has it.
    pub uid: HeaderValue,
    mode: Mode,
    level: Mutex<Level<Waker>>,
    bounds: Mutex<Bounds>,
    /// Seats that one request may take at most.
    widest: AtomicU32,
    /// For its requests' bodies.
    pub bodies: Budget,
    limits: Limits,
}

/// What came of asking for seats.
pub enum Asked {
    Runs(Place),
    Waits(Ticket, oneshot::Receiver<Place>),
    Refused(&'static str),
}

impl Lane {
    pub fn new(
        name: &str,
        uid: HeaderValue,
        mode: Mode,
        bounds: Bounds,
        metrics: &Metrics,
        now: Duration,
    ) -> Arc<Self> {
        let limits = metrics.limits(name);
        // Until demand is known, half of what it may lend is thought to be lent.
        let limit = bounds.nominal - (bounds.nominal - bounds.lowest) / 2;
        limits.current.set(limit.into());
        let lane = Self {
            name: name.to_owned(),
            uid,
            mode,
            level: Mutex::new(Level::new(mode, limit, now)),
            bounds: Mutex::default(),
            widest: AtomicU32::new(1),
            bodies: Budget::default(),
            limits,
        };
        lane.set_bounds(bounds);
        Arc::new(lane)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is(&self, name: &str, uid: &HeaderValue, mode: Mode) -> bool {
        self.name == name && self.uid == *uid && self.mode == mode
    }

    pub fn is_exempt(&self) -> bool {
        self.mode == Mode::Exempt
    }

    pub fn widest(&self) -> u32 {
        self.widest.load(Ordering::Relaxed)
    }

    pub fn set_bounds(&self, bounds: Bounds) {
        *self.bounds.lock() = bounds;
        let widest = match self.mode {
            Mode::Queue(queuing) => bounds.widest(u32::try_from(queuing.hand).unwrap_or(u32::MAX)),
            Mode::Exempt | Mode::Reject => u32::MAX,
        };
        self.widest.store(widest, Ordering::Relaxed);
        self.limits.nominal.set(bounds.nominal.into());
        self.limits.lower.set(bounds.lowest.into());
        self.limits.upper.set(bounds.highest.into());
    }

    /// Asks for seats for a request of the flow `hash`.
    pub fn ask(&self, hash: u64, seats: u32, now: Duration) -> Asked {
        let mut receiver = None;
        let arrival = self.level.lock().arrive(now, hash, seats, || {
            let (sender, waits) = oneshot::channel();
            receiver = Some(waits);
            sender
        });
        match (arrival, receiver) {
            (Arrival::Runs(place), _) => Asked::Runs(place),
            (Arrival::Waits(ticket), Some(receiver)) => Asked::Waits(ticket, receiver),
            (Arrival::Waits(_), None) => Asked::Refused("queue-full"),
            (Arrival::Refused(why), _) => Asked::Refused(why),
        }
    }

    pub fn leave(&self, place: Place, now: Duration) {
        let turns = self.level.lock().leave(place, now);
        self.call(turns, now);
    }

    /// False if the request has been sent its place already.
    pub fn give_up(&self, ticket: &Ticket, now: Duration) -> bool {
        let mut level = self.level.lock();
        let gave_up = level.give_up(ticket, now);
        // One that needed less may be next now.
        let turns = level.dispatch(now);
        drop(level);
        self.call(turns, now);
        gave_up
    }

    pub fn set_limit(&self, limit: u32, now: Duration) {
        self.limits.current.set(limit.into());
        let turns = self.level.lock().set_limit(limit, now);
        self.call(turns, now);
    }

    /// Ends a period of demand.
    pub fn borrower(&self, now: Duration) -> Borrower {
        let seen = self.level.lock().demand().finish(now);
        Borrower { bounds: *self.bounds.lock(), exempt: self.is_exempt(), seen }
    }

    fn call(&self, turns: Vec<Turn<Waker>>, now: Duration) {
        for Turn { waker, place } in turns {
            // Whoever has gone meanwhile leaves at once.
            if let Err(place) = waker.send(place) {
                self.leave(place, now);
            }
        }
    }
}
