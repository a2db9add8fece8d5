//! Constant load: threads that ask without end and keep what failed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::http;

const THREADS: usize = 4;
/// Between two requests of one thread.
const PAUSE: Duration = Duration::from_millis(20);
/// More failures than this say nothing new.
const MAX_KEPT: usize = 10;

/// Load that runs until it is [stopped](Load::stop) or dropped.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    to: SocketAddr,
    path: &'static str,
    /// What each answer must contain.
    expected: &'static str,
    began: Instant,
    stop: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// Asks `path` at `to`; an answer without `expected` in it is a failure.
    pub fn start(to: SocketAddr, path: &'static str, expected: &'static str) -> Self {
        let shared = Arc::new(Shared {
            to,
            path,
            expected,
            began: Instant::now(),
            stop: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            failures: Mutex::default(),
        });
        let spawn = |_| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.run())
        };
        Self { threads: (0..THREADS).map(spawn).collect(), shared }
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Ends the load. An error if one request failed, or if there was hardly any load.
    pub fn stop(mut self) -> anyhow::Result<usize> {
        self.end();
        let (answered, failed) = (self.answered(), self.shared.failed.load(Ordering::Relaxed));
        if failed > 0 {
            let kept = self.shared.failures.lock().map(|kept| kept.join("\n")).unwrap_or_default();
            bail!("{failed} of {} requests failed, the first ones:\n{kept}", failed + answered);
        }
        ensure!(answered > 10, "there were only {answered} requests, which proves nothing");
        Ok(answered)
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            match http::get(self.to, self.path) {
                Ok(answer) if answer.contains(self.expected) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(answer) => self.failed(&format!("an answer without {:?}: {answer}", self.expected)),
                Err(error) => self.failed(&format!("{error:#}")),
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn failed(&self, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut failures) = self.failures.lock()
            && failures.len() < MAX_KEPT
        {
            failures.push(format!("after {:.1} s: {}", self.began.elapsed().as_secs_f64(), why.trim()));
        }
    }
}
