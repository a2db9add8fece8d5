//! CPU time and memory of the server's processes (proc_pid_stat(5), proc_pid_statm(5)).

use std::time::Duration;

use super::figures::Server;
use crate::failure::{Exit, Failure};

pub struct Servers {
    pids: Vec<u32>,
    ticks_per_second: u64,
    page_bytes: u64,
}

impl Servers {
    pub fn new(pids: &[u32]) -> Result<Self, Failure> {
        let servers = Self {
            pids: pids.to_vec(),
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        };
        match pids.iter().find(|pid| servers.read(**pid).is_none()) {
            Some(pid) => Err(Failure::new(
                Exit::Usage,
                format!("there is no process {pid}"),
                "find it: pidof ironclad",
            )),
            None => Ok(servers),
        }
    }

    /// All of them together; `None` if none was named.
    pub fn now(&self) -> Option<Server> {
        let read = self.pids.iter().filter_map(|pid| self.read(*pid));
        let sum = |a: Server, b: Server| Server { cpu: a.cpu + b.cpu, rss_bytes: a.rss_bytes + b.rss_bytes };
        read.reduce(sum)
    }

    /// The CPU time since `before`, and the memory now.
    pub fn since(&self, before: Option<Server>) -> Option<Server> {
        let (before, now) = (before?, self.now()?);
        Some(Server { cpu: now.cpu.saturating_sub(before.cpu), rss_bytes: now.rss_bytes })
    }

    fn read(&self, pid: u32) -> Option<Server> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let ticks = cpu_ticks(&stat)?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        let cpu = Duration::from_nanos(ticks * (1_000_000_000 / self.ticks_per_second));
        Some(Server { cpu, rss_bytes: pages * self.page_bytes })
    }
}

/// utime and stime, fields 14 and 15. The name before them may contain anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system() {
        assert_eq!(cpu_ticks("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 111 222 0 0 20"), Some(333));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
        let me = Servers::new(&[std::process::id()]).expect("I am there");
        assert!(me.now().expect("readable").rss_bytes > 0);
    }
}
