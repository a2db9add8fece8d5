//! What workers are at right now, by upstream's names: looked up when somebody asks, so that a worker that never
//! comes back is seen all the same.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use ironclad_env::Env;
use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts};

use crate::metrics::{CONSTANT, queue_name};

/// All controllers of the process.
static ALL: LazyLock<Mutex<Vec<Weak<Unfinished>>>> = LazyLock::new(|| {
    prometheus::register(Box::new(Gauges::new())).expect(CONSTANT);
    Mutex::default()
});

/// The keys that one controller works on.
pub(crate) struct Unfinished {
    queue: String,
    env: Env,
    /// When the work on each of them began, on the monotonic clock.
    began: Mutex<Vec<Duration>>,
}

/// A key that is worked on, until this is dropped.
pub(crate) struct Begun<'a> {
    of: &'a Unfinished,
    at: Duration,
}

impl Unfinished {
    pub(crate) fn of(controller: &str, env: Env) -> Arc<Self> {
        let new = Arc::new(Self { queue: queue_name(controller).to_owned(), env, began: Mutex::default() });
        let mut all = ALL.lock();
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&new));
        new
    }

    pub(crate) fn begin(&self) -> Begun<'_> {
        let at = self.env.elapsed();
        self.began.lock().push(at);
        Begun { of: self, at }
    }

    /// How long each key has been worked on.
    fn took(&self) -> Vec<Duration> {
        let now = self.env.elapsed();
        self.began.lock().iter().map(|began| now.saturating_sub(*began)).collect()
    }
}

impl Begun<'_> {
    pub(crate) fn took(&self) -> Duration {
        self.of.env.elapsed().saturating_sub(self.at)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut began = self.of.began.lock();
        if let Some(own) = began.iter().position(|at| *at == self.at) {
            began.swap_remove(own);
        }
    }
}

struct Gauges {
    together: GaugeVec,
    longest: GaugeVec,
}

impl Gauges {
    fn new() -> Self {
        let gauge = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), &["name"]).expect(CONSTANT);
        Self {
            together: gauge(
                "workqueue_unfinished_work_seconds",
                "How many seconds of work has done that is in progress and hasn't been observed by work_duration. \
                 Large values indicate stuck threads. One can deduce the number of stuck threads by observing the \
                 rate at which this increases.",
            ),
            longest: gauge(
                "workqueue_longest_running_processor_seconds",
                "How many seconds has the longest running processor for workqueue been running.",
            ),
        }
    }

    fn set(&self, all: &[Arc<Unfinished>]) {
        let mut sums: HashMap<&str, (Duration, Duration)> = HashMap::new();
        for one in all {
            let (together, longest) = sums.entry(&one.queue).or_default();
            for took in one.took() {
                *together += took;
                *longest = took.max(*longest);
            }
        }
        for (queue, (together, longest)) in sums {
            self.together.with_label_values(&[queue]).set(together.as_secs_f64());
            self.longest.with_label_values(&[queue]).set(longest.as_secs_f64());
        }
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        [self.together.desc(), self.longest.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // Nobody is kept alive by being looked at for longer than this.
        let all: Vec<Arc<Unfinished>> = ALL.lock().iter().filter_map(Weak::upgrade).collect();
        // Scrapes may overlap: each has gauges of its own.
        let gauges = Self::new();
        gauges.set(&all);
        [gauges.together.collect(), gauges.longest.collect()].concat()
    }
}

#[cfg(test)]
mod tests {
    use ironclad_env::SimEnv;

    use super::*;

    #[test]
    fn work_counts_while_it_lasts() {
        let (sim, gauges) = (SimEnv::new(1), Gauges::new());
        let work = Unfinished::of("tests-controller", sim.shared());
        let check = |together: f64, longest: f64| {
            gauges.set(std::slice::from_ref(&work));
            let read = |gauge: &GaugeVec| gauge.with_label_values(&["tests"]).get();
            assert_eq!((read(&gauges.together), read(&gauges.longest)), (together, longest));
        };
        check(0.0, 0.0);
        let first = work.begin();
        sim.run_for(Duration::from_secs(3));
        let second = work.begin();
        sim.run_for(Duration::from_secs(1));
        check(5.0, 4.0);
        assert_eq!(first.took(), Duration::from_secs(4));
        drop(first);
        check(1.0, 1.0);
        drop(second);
        check(0.0, 0.0);
    }
}
