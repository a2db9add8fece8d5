//! Figures of the store on this machine, for docs/benchmarks.md:
//! `cargo run --release -p ironclad-store-embedded --example figures [DIRECTORY]`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ironclad_store::{Compare, Expect, Op, Range, Store, Txn, TxnResult, WatchItem};
use ironclad_store_embedded::{EmbeddedStore, Options};

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::TempDir::new()?;
    let directory = std::env::args().nth(1).map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    for (clients, size) in [(1, 1024), (1, 3072), (8, 1024), (64, 1024), (256, 1024), (64, 3072)] {
        writes(&directory.join(format!("w{clients}-{size}")), clients, size).await?;
    }
    for watchers in [1, 50, 500] {
        fan_out(&directory.join(format!("f{watchers}")), watchers).await?;
    }
    opening(&directory.join("open")).await
}

/// User and system CPU time of this process.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn put(key: String, size: usize) -> Op {
    Op::Put { key: key.into(), value: Bytes::from(vec![b'x'; size]) }
}

/// Clients that update 100 keys each under a compare, one write at a time.
async fn writes(path: &Path, clients: usize, size: usize) -> Result<(), Box<dyn std::error::Error>> {
    let store = EmbeddedStore::open(path, Options::default())?;
    let each = (40_000 / clients).clamp(500, 8000);
    let (start, before) = (Instant::now(), cpu());
    let tasks = (0..clients).map(|client| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut revisions = vec![None; 100];
            let mut times = Vec::with_capacity(each);
            for n in 0..each {
                let key = format!("/registry/configmaps/client-{client}/{}", n % 100);
                let expect = revisions[n % 100].map_or(Expect::Absent, Expect::ModifiedAt);
                let compares = vec![Compare { key: key.clone().into(), expect }];
                let start = Instant::now();
                let result = store.txn(Txn { compares, ops: vec![put(key, size)] }).await;
                times.push(start.elapsed());
                if let Ok(TxnResult::Committed { revision }) = result {
                    revisions[n % 100] = Some(revision);
                }
            }
            times
        })
    });
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await?);
    }
    let (elapsed, used) = (start.elapsed(), cpu() - before);
    times.sort_unstable();
    let count = times.len();
    println!(
        "{clients:>3} clients x {size} B: {:>7.0} writes/s, {:>5.1} us CPU per write, p50 {:?}, p99 {:?}",
        count as f64 / elapsed.as_secs_f64(),
        used.as_micros() as f64 / count as f64,
        times[count / 2],
        times[count * 99 / 100],
    );
    Ok(())
}

/// One writer, and watches of which each event concerns one.
async fn fan_out(path: &Path, watchers: usize) -> Result<(), Box<dyn std::error::Error>> {
    let store = EmbeddedStore::open(path, Options::default())?;
    let count = 5000;
    let tasks: Vec<_> = (0..watchers)
        .map(|n| {
            let mut watch = store.watch(format!("{n}/").into(), 0)?;
            Ok::<_, ironclad_store::StoreError>(tokio::spawn(async move {
                let mut seen = 0;
                while seen < count / watchers {
                    if let Ok(WatchItem::Events(_)) = watch.next().await {
                        seen += 1;
                    }
                }
            }))
        })
        .collect::<Result<_, _>>()?;
    let before = cpu();
    for n in 0..count {
        store.txn(Txn { compares: vec![], ops: vec![put(format!("{}/x", n % watchers), 1024)] }).await?;
    }
    for task in tasks {
        task.await?;
    }
    let used = (cpu() - before).as_micros() as f64 / count as f64;
    println!("{watchers:>3} watches, 1 client: {used:.1} us CPU per write and event");
    Ok(())
}

/// 10,000 objects of 3 KiB: opening, reading all, and what it takes in memory.
async fn opening(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let store = EmbeddedStore::open(path, Options::default())?;
    for n in 0..100 {
        let ops = (0..100).map(|m| put(format!("/registry/pods/ns-{n}/pod-{m}"), 3072)).collect();
        store.txn(Txn { compares: vec![], ops }).await?;
    }
    drop(store);
    for _ in 0..3 {
        let before = resident_kib();
        let start = Instant::now();
        let store: Arc<EmbeddedStore> = EmbeddedStore::open(path, Options::default())?;
        let opened = start.elapsed();
        let after = resident_kib();
        let items = store.range(Range::default()).await?.items.len();
        let read = start.elapsed() - opened;
        println!(
            "{items} objects: opened in {opened:?} (+{} KiB), all read in {read:?}",
            after - before.min(after)
        );
    }
    Ok(())
}
