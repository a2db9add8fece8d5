//! The process's own figures, read from /proc when somebody asks.

use std::fs;
use std::io::Write;

struct Figure {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: f64,
}

/// Appends the figures; those that cannot be read are left out.
pub fn write(page: &mut Vec<u8>) {
    for Figure { name, kind, help, value } in figures() {
        // Writing to a Vec cannot fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
}

fn figures() -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name, kind, help, value: Option<f64>| {
        figures.extend(value.map(|value| Figure { name, kind, help, value }));
    };
    let status = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the command in brackets, which may hold anything.
    let fields: Vec<&str> = status.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page_size = rustix::param::page_size() as f64;
    let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) / ticks);
    add("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", cpu);
    let resident = field(24).map(|pages| pages * page_size);
    add("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", resident);
    add("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", field(23));
    let started = field(22).zip(boot_seconds()).map(|(since_boot, boot)| boot + since_boot / ticks);
    let help = "Start time of the process since unix epoch in seconds.";
    add("process_start_time_seconds", "gauge", help, started);
    add("process_threads", "gauge", "Number of threads of the process.", field(20));
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    add("process_open_fds", "gauge", "Number of open file descriptors.", open);
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    add("process_max_fds", "gauge", "Maximum number of open file descriptors.", most.map(|most| most as f64));
    figures
}

fn boot_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
