//! A priority level as a machine: who runs, who waits, who is next. No clock and no waiting in here: time is an
//! argument, and whoever waits is a `W` that comes back when it is its turn.
//!
//! Fair queuing as in KEP-1040: each flow is dealt a hand of queues and waits in the emptiest of them. Every queue has
//! a virtual time at which its next request starts; the queue whose next request would end first goes first.
//! Virtual time runs as fast as the level works per queue that has work.
//! Source: <https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/1040-priority-and-fairness>

use std::collections::VecDeque;
use std::time::Duration;

use super::demand::Demand;
use super::shards;

/// What a request is believed to take until it has shown what it takes; upstream's, in seconds.
const ESTIMATED_SERVICE: f64 = 0.003;

/// What a level does with requests that it has no seats for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All run.
    Exempt,
    /// They are refused.
    Reject,
    Queue(Queuing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queuing {
    pub queues: usize,
    /// Queues that one flow may use.
    pub hand: usize,
    /// Requests that may wait in one queue.
    pub length: usize,
}

pub struct Level<W> {
    mode: Mode,
    /// Seats that may be taken at once. With none, whoever comes waits until there are some.
    limit: u32,
    in_use: u32,
    executing: u32,
    waiting: usize,
    waiting_seats: u32,
    queues: Vec<Queue<W>>,
    /// Queues that have work.
    active: u32,
    /// The virtual time, in seat-seconds per queue.
    progress: f64,
    /// When the virtual time was that, on the monotonic clock.
    at: Duration,
    /// Where the last request came from: the others go first when several are equal.
    last: usize,
    arrivals: usize,
    tickets: u64,
    demand: Demand,
}

struct Queue<W> {
    waiting: VecDeque<Waiting<W>>,
    waiting_seats: u32,
    executing: u32,
    in_use: u32,
    /// The virtual time at which its next request starts.
    start: f64,
}

struct Waiting<W> {
    ticket: u64,
    seats: u32,
    arrived: f64,
    waker: W,
}

/// The seats of a request that runs.
#[derive(Debug, PartialEq)]
pub struct Place {
    queue: Option<usize>,
    seats: u32,
    started: Duration,
}

/// A request that waits.
#[derive(Debug, PartialEq)]
pub struct Ticket {
    queue: usize,
    number: u64,
    seats: u32,
}

#[derive(Debug, PartialEq)]
pub enum Arrival {
    Runs(Place),
    Waits(Ticket),
    /// The reason is the label of upstream's metric.
    Refused(&'static str),
}

/// A request whose turn it is.
#[derive(Debug, PartialEq)]
pub struct Turn<W> {
    pub waker: W,
    pub place: Place,
}

impl<W> Level<W> {
    pub fn new(mode: Mode, limit: u32, now: Duration) -> Self {
        let count = if let Mode::Queue(queuing) = mode { queuing.queues.max(1) } else { 0 };
        let queue =
            || Queue { waiting: VecDeque::new(), waiting_seats: 0, executing: 0, in_use: 0, start: 0.0 };
        Self {
            mode,
            limit,
            in_use: 0,
            executing: 0,
            waiting: 0,
            waiting_seats: 0,
            queues: std::iter::repeat_with(queue).take(count).collect(),
            active: 0,
            progress: 0.0,
            at: now,
            last: 0,
            arrivals: 0,
            tickets: 0,
            demand: Demand::new(now),
        }
    }

    pub fn demand(&mut self) -> &mut Demand {
        &mut self.demand
    }

    /// Another number of seats, and those whose turn it is by that.
    pub fn set_limit(&mut self, limit: u32, now: Duration) -> Vec<Turn<W>> {
        self.advance(now);
        self.limit = limit;
        self.dispatch(now)
    }

    /// A request of the flow `hash` for so many seats. `waker` is made if it has to wait.
    pub fn arrive(&mut self, now: Duration, hash: u64, seats: u32, waker: impl FnOnce() -> W) -> Arrival {
        self.advance(now);
        let queuing = match self.mode {
            Mode::Exempt => return Arrival::Runs(self.run(None, seats, now)),
            Mode::Reject if self.has_room(seats) => return Arrival::Runs(self.run(None, seats, now)),
            Mode::Reject => return Arrival::Refused("concurrency-limit"),
            Mode::Queue(queuing) => queuing,
        };
        let index = self.choose(hash, queuing);
        let progress = self.progress;
        let full = self.in_use >= self.limit;
        let runs = self.waiting == 0 && !full && self.has_room(seats);
        let Some(queue) = self.queues.get_mut(index) else { return Arrival::Refused("queue-full") };
        if full && queue.waiting.len() >= queuing.length {
            return Arrival::Refused("queue-full");
        }
        if queue.waiting.is_empty() && queue.executing == 0 {
            queue.start = progress;
            self.active += 1;
        }
        if runs {
            // What a queue with nothing waiting did not use is lost to it.
            queue.start = queue.start.max(progress);
            return Arrival::Runs(self.run(Some(index), seats, now));
        }
        self.tickets += 1;
        let ticket = Ticket { queue: index, number: self.tickets, seats };
        let waiting = Waiting { ticket: self.tickets, seats, arrived: progress, waker: waker() };
        queue.waiting.push_back(waiting);
        queue.waiting_seats += seats;
        queue.bound();
        self.waiting += 1;
        self.waiting_seats += seats;
        self.note_demand(now);
        Arrival::Waits(ticket)
    }

    /// A request has ended; those whose turn it is now.
    pub fn leave(&mut self, place: Place, now: Duration) -> Vec<Turn<W>> {
        self.advance(now);
        self.executing = self.executing.saturating_sub(1);
        self.in_use = self.in_use.saturating_sub(place.seats);
        if let Some(queue) = place.queue.and_then(|index| self.queues.get_mut(index)) {
            let took = now.saturating_sub(place.started).as_secs_f64();
            queue.executing = queue.executing.saturating_sub(1);
            queue.in_use = queue.in_use.saturating_sub(place.seats);
            // The queue was charged for the estimate.
            queue.start -= f64::from(place.seats) * (ESTIMATED_SERVICE - took);
            queue.bound();
            if queue.is_idle() {
                self.active = self.active.saturating_sub(1);
            }
        }
        let turns = self.dispatch(now);
        self.note_demand(now);
        turns
    }

    /// A request waits no longer. False if it has got its turn meanwhile, and its place with it.
    pub fn give_up(&mut self, ticket: &Ticket, now: Duration) -> bool {
        self.advance(now);
        let Some(queue) = self.queues.get_mut(ticket.queue) else { return false };
        let Some(at) = queue.waiting.iter().position(|waiting| waiting.ticket == ticket.number) else {
            return false;
        };
        queue.waiting.remove(at);
        queue.waiting_seats = queue.waiting_seats.saturating_sub(ticket.seats);
        queue.bound();
        if queue.is_idle() {
            self.active = self.active.saturating_sub(1);
        }
        self.waiting -= 1;
        self.waiting_seats = self.waiting_seats.saturating_sub(ticket.seats);
        self.note_demand(now);
        true
    }

    /// Those whose turn it is. Never more than there are seats.
    pub fn dispatch(&mut self, now: Duration) -> Vec<Turn<W>> {
        let mut turns = Vec::new();
        while self.waiting > 0 && self.in_use < self.limit {
            let Some(turn) = self.next(now) else { break };
            turns.push(turn);
        }
        turns
    }

    fn next(&mut self, now: Duration) -> Option<Turn<W>> {
        let index = self.earliest()?;
        let seats = self.queues.get(index)?.waiting.front()?.seats;
        // The next one waits for its seats; nobody overtakes it, or wide requests would wait for ever.
        if !self.has_room(seats) {
            return None;
        }
        let queue = self.queues.get_mut(index)?;
        let waiting = queue.waiting.pop_front()?;
        queue.waiting_seats = queue.waiting_seats.saturating_sub(seats);
        self.waiting -= 1;
        self.waiting_seats = self.waiting_seats.saturating_sub(seats);
        self.last = index;
        let place = self.run(Some(index), seats, now);
        if let Some(queue) = self.queues.get_mut(index) {
            queue.bound();
        }
        Some(Turn { waker: waiting.waker, place })
    }

    /// The queue whose first request would end first; after the last one in turn, where several are equal.
    fn earliest(&self) -> Option<usize> {
        let count = self.queues.len();
        let order = (1..=count).map(|step| (self.last + step) % count);
        let mut best: Option<(f64, usize)> = None;
        for index in order {
            let queue = self.queues.get(index)?;
            let Some(first) = queue.waiting.front() else { continue };
            let end = queue.start + f64::from(first.seats) * ESTIMATED_SERVICE;
            if best.is_none_or(|(earliest, _)| end < earliest) {
                best = Some((end, index));
            }
        }
        best.map(|(_, index)| index)
    }

    fn run(&mut self, queue: Option<usize>, seats: u32, now: Duration) -> Place {
        self.executing += 1;
        self.in_use += seats;
        if let Some(queue) = queue.and_then(|index| self.queues.get_mut(index)) {
            queue.executing += 1;
            queue.in_use += seats;
            queue.start += f64::from(seats) * ESTIMATED_SERVICE;
        }
        self.note_demand(now);
        Place { queue, seats, started: now }
    }

    fn has_room(&self, seats: u32) -> bool {
        match seats > self.limit {
            // It would never fit: it runs alone.
            true => self.executing == 0,
            false => self.in_use + seats <= self.limit,
        }
    }

    /// The queue of the flow's hand with the least work before a newcomer.
    fn choose(&mut self, hash: u64, queuing: Queuing) -> usize {
        let hand = shards::deal(hash, self.queues.len(), queuing.hand);
        let size = hand.len().max(1);
        // Begins at another card each time, so that equal queues fill evenly.
        self.arrivals = self.arrivals.wrapping_add(1);
        let offset = self.arrivals % size;
        let order = (0..size).filter_map(|step| hand.get((offset + step) % size).copied());
        let work = |index: &usize| self.queues.get(*index).map_or(u32::MAX, |queue| queue.waiting_seats);
        order.min_by_key(work).unwrap_or(0)
    }

    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        if self.active > 0 {
            let wanted = self.in_use.saturating_add(self.waiting_seats).min(self.limit);
            self.progress += passed.as_secs_f64() * f64::from(wanted) / f64::from(self.active);
        }
    }

    fn note_demand(&mut self, now: Duration) {
        self.demand.set(self.in_use.saturating_add(self.waiting_seats), now);
    }
}

impl<W> Queue<W> {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.executing == 0
    }

    /// Nobody starts before it has come: a queue that could have used its share earlier has lost it.
    fn bound(&mut self) {
        if let Some(first) = self.waiting.front() {
            self.start = self.start.max(first.arrived);
        }
    }
}

#[cfg(test)]
mod tests;
