//! What was measured.

use std::time::Duration;

use serde::Serialize;

/// The result of one piece of work.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub work: String,
    pub operations: usize,
    pub seconds: f64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// CPU time of the server, user and system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_us_per_operation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_rss_mb: Option<f64>,
}

/// How the server did meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Server {
    pub cpu: Duration,
    pub rss_bytes: u64,
}

impl Figures {
    /// `latencies` is one for each operation, in any order.
    pub fn new(
        work: impl Into<String>,
        mut latencies: Vec<Duration>,
        took: Duration,
        server: Option<Server>,
    ) -> Self {
        latencies.sort_unstable();
        let operations = latencies.len();
        let ms = |duration: Duration| round(duration.as_secs_f64() * 1e3);
        let seconds = took.as_secs_f64();
        Self {
            work: work.into(),
            operations,
            seconds: round(seconds),
            per_second: round(operations as f64 / seconds.max(1e-9)),
            p50_ms: ms(percentile(&latencies, 50)),
            p99_ms: ms(percentile(&latencies, 99)),
            max_ms: ms(percentile(&latencies, 100)),
            server_cpu_us_per_operation: server
                .map(|server| round(server.cpu.as_secs_f64() * 1e6 / operations.max(1) as f64)),
            server_rss_mb: server.map(|server| round(server.rss_bytes as f64 / 1e6)),
        }
    }
}

/// By nearest rank: the smallest value that so many percent do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// To microseconds where the unit is milliseconds: more is noise.
fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// For people.
pub fn table(all: &[Figures]) -> String {
    let header = ["WORK", "OPERATIONS", "PER SECOND", "P50 MS", "P99 MS", "MAX MS", "CPU US/OP", "RSS MB"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|one| {
        let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        vec![
            one.work.clone(),
            one.operations.to_string(),
            format!("{:.0}", one.per_second),
            format!("{:.2}", one.p50_ms),
            format!("{:.2}", one.p99_ms),
            format!("{:.2}", one.max_ms),
            optional(one.server_cpu_us_per_operation),
            optional(one.server_rss_mb),
        ]
    }));
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let ms = |values: &[u64]| values.iter().map(|&ms| Duration::from_millis(ms)).collect::<Vec<_>>();
        let check = |values: &[u64], percent, expected: u64| {
            assert_eq!(
                percentile(&ms(values), percent),
                Duration::from_millis(expected),
                "{values:?} {percent}"
            );
        };
        check(&[], 50, 0);
        check(&[7], 99, 7);
        check(&[1, 2, 3, 4], 50, 2);
        check(&[1, 2, 3, 4], 99, 4);
        check(&(1..=200).collect::<Vec<_>>(), 99, 198);
    }

    #[test]
    fn the_servers_time_is_per_operation() {
        let server = Server { cpu: Duration::from_millis(10), rss_bytes: 64_000_000 };
        let latencies = vec![Duration::from_millis(1); 100];
        let figures = Figures::new("get", latencies, Duration::from_secs(2), Some(server));
        assert_eq!((figures.per_second, figures.server_cpu_us_per_operation), (50.0, Some(100.0)));
        assert_eq!(figures.server_rss_mb, Some(64.0));
    }
}
