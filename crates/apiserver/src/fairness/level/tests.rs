use super::*;

const QUEUING: Queuing = Queuing { queues: 64, hand: 6, length: 50 };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Requests by flow, the running ones in the order in which they began.
struct World {
    level: Level<u64>,
    now: Duration,
    running: Vec<(u64, Place)>,
}

impl World {
    fn new(mode: Mode, limit: u32) -> Self {
        Self { level: Level::new(mode, limit, Duration::ZERO), now: Duration::ZERO, running: Vec::new() }
    }

    fn arrive(&mut self, flow: u64, seats: u32) -> &'static str {
        let hash = flow.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match self.level.arrive(self.now, hash, seats, || flow) {
            Arrival::Runs(place) => {
                self.running.push((flow, place));
                "runs"
            }
            Arrival::Waits(_) => "waits",
            Arrival::Refused(why) => why,
        }
    }

    /// The first that runs ends after `took`.
    fn finish_one(&mut self, took: Duration) -> Option<u64> {
        if self.running.is_empty() {
            return None;
        }
        self.now += took;
        let (flow, place) = self.running.remove(0);
        let turns = self.level.leave(place, self.now);
        self.running.extend(turns.into_iter().map(|turn| (turn.waker, turn.place)));
        Some(flow)
    }
}

#[test]
fn levels_let_in_what_they_have_seats_for() {
    let check = |mode: Mode, limit: u32, arrivals: &[u32], want: &[&str]| {
        let mut world = World::new(mode, limit);
        let got: Vec<&str> = arrivals.iter().map(|seats| world.arrive(1, *seats)).collect();
        assert_eq!(got, want, "{mode:?} {limit} {arrivals:?}");
    };
    check(Mode::Exempt, 0, &[1, 10], &["runs", "runs"]);
    check(Mode::Reject, 2, &[1, 1, 1], &["runs", "runs", "concurrency-limit"]);
    check(Mode::Reject, 2, &[5, 1], &["runs", "concurrency-limit"]);
    let short = Queuing { queues: 1, hand: 1, length: 1 };
    check(Mode::Queue(short), 2, &[1, 1, 1, 1], &["runs", "runs", "waits", "queue-full"]);
    check(Mode::Queue(short), 2, &[5, 1], &["runs", "waits"]);
    check(Mode::Queue(QUEUING), 3, &[2, 2, 1], &["runs", "waits", "waits"]);
    check(Mode::Queue(QUEUING), 0, &[1], &["waits"]);
}

#[test]
fn a_quiet_flow_is_not_held_up_by_a_loud_one() {
    let mut world = World::new(Mode::Queue(QUEUING), 4);
    for _ in 0..200 {
        world.arrive(1, 1);
    }
    for _ in 0..4 {
        world.now += ms(1);
        assert_eq!(world.arrive(2, 1), "waits");
    }
    // Of the next that run, the quiet flow's come soon, whatever the loud one has waiting.
    let (mut before, mut quiet) = (0, 0);
    while quiet < 4 {
        match world.finish_one(ms(5)).expect("somebody runs") {
            2 => quiet += 1,
            _ => before += 1,
        }
    }
    assert!(before < 60, "{before} of the loud flow went first");
}

#[test]
fn equal_flows_get_equal_shares() {
    let mut world = World::new(Mode::Queue(QUEUING), 2);
    let mut served = [0_u32; 3];
    for _ in 0..600 {
        for flow in 0..3 {
            world.arrive(flow, 1);
        }
        if let Some(flow) = world.finish_one(ms(2)) {
            served[usize::try_from(flow).expect("small")] += 1;
        }
    }
    let (least, most) = (served.iter().min().expect("three"), served.iter().max().expect("three"));
    assert!(most - least < 120, "{served:?}");
}

#[test]
fn who_gives_up_leaves_no_trace() {
    let mut world = World::new(Mode::Queue(QUEUING), 1);
    assert_eq!(world.arrive(1, 1), "runs");
    let Arrival::Waits(ticket) = world.level.arrive(ms(1), 7, 1, || 7) else { panic!("there is no seat") };
    assert!(world.level.give_up(&ticket, ms(2)));
    assert!(!world.level.give_up(&ticket, ms(2)), "once only");
    assert_eq!(world.finish_one(ms(3)), Some(1));
    assert_eq!((world.level.in_use, world.level.waiting, world.level.active), (0, 0, 0));
    assert!(world.running.is_empty());
}

#[test]
fn more_seats_let_more_in() {
    let mut world = World::new(Mode::Queue(QUEUING), 1);
    let arrivals: Vec<&str> = (0..4).map(|flow| world.arrive(flow, 1)).collect();
    assert_eq!(arrivals, ["runs", "waits", "waits", "waits"]);
    assert_eq!(world.level.set_limit(3, ms(1)).len(), 2);
}

#[test]
fn any_history_ends_with_nothing_in_use() {
    let mut world = World::new(Mode::Queue(Queuing { queues: 8, hand: 3, length: 5 }), 7);
    let mut seed = 1_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..20_000 {
        world.now += Duration::from_micros(next(500));
        match next(3) {
            0 => drop(world.finish_one(ms(1))),
            _ => {
                world.arrive(next(20), u32::try_from(next(4) + 1).expect("small"));
            }
        }
        assert!(world.level.in_use <= 7);
        let active = world.level.queues.iter().filter(|queue| !queue.is_idle()).count();
        assert_eq!(usize::try_from(world.level.active).expect("small"), active);
    }
    while world.finish_one(ms(1)).is_some() {}
    assert_eq!((world.level.in_use, world.level.executing, world.level.active), (0, 0, 0));
}
