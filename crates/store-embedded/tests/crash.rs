//! Kill -9 at random moments: what was acknowledged is there, and nothing that was
//! never attempted.
//!
//! The test runs itself as a child that writes with several tasks at once and prints
//! each attempt and each acknowledgement; the parent kills it, opens the store and
//! compares. Kills do not cut the power: torn writes are made by hand in `damage.rs`.

mod support;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ironclad_store::{Range, Store};
use ironclad_store_embedded::EmbeddedStore;
use support::{SMALL, delete, put, write};
use tempfile::TempDir;

const ROUNDS: u64 = 12;
const WRITERS: usize = 8;
/// The directory for the child; without it the child's test does nothing.
const CHILD: &str = "IRONCLAD_TEST_CRASH_DIRECTORY";

fn say(line: String) {
    // One write, so that a kill leaves at most one line unfinished.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_is_killed() {
    let Ok(directory) = std::env::var(CHILD) else { return };
    let store = EmbeddedStore::open(Path::new(&directory), SMALL).expect("opens");
    let start = store.revision();
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let (key, number) = (format!("{writer}/{}", n % 10), start * 1000 + n);
                let removes = n % 7 == 6;
                let value = if removes { "-".to_owned() } else { number.to_string() };
                say(format!("try {key} {value}\n"));
                let padding = "x".repeat((number as usize * 37) % 3000);
                let op =
                    if removes { delete(&key) } else { put(&key, format!("{value} {padding}").as_bytes()) };
                let revision = write(&*store, vec![op]).await;
                say(format!("done {key} {value} {revision}\n"));
                if revision % 100 == 0 {
                    store.compact(revision - 50).await.expect("compacts");
                }
            }
        })
    });
    futures::future::join_all(writers).await;
}

/// What a key may hold: the last acknowledged value, or one attempted after it.
#[derive(Default)]
struct Known {
    acknowledged: Option<String>,
    attempted: Vec<String>,
}

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let directory = TempDir::new().expect("a directory");
    let mut known: HashMap<String, Known> = HashMap::new();
    let mut newest = 0;
    for round in 0..ROUNDS {
        let output = run_and_kill(directory.path(), Duration::from_millis(30 + round * 37 % 150));
        for line in output.lines() {
            newest = newest.max(note(&mut known, line));
        }
        let store = EmbeddedStore::open(directory.path(), SMALL).expect("opens after a kill");
        assert!(store.revision() >= newest, "round {round}: {} of {newest}", store.revision());
        let items = store.range(Range::default()).await.expect("reads").items;
        let found: HashMap<String, String> = items
            .iter()
            .map(|item| {
                let value = String::from_utf8_lossy(&item.value);
                let number = value.split(' ').next().unwrap_or_default().to_owned();
                (String::from_utf8_lossy(&item.key).into_owned(), number)
            })
            .collect();
        assert!(found.keys().all(|key| known.contains_key(key)), "round {round}: a key nobody wrote");
        for (key, known) in &mut known {
            let value = found.get(key).map_or("-", String::as_str);
            let allowed = known.acknowledged.as_deref().unwrap_or("-") == value
                || known.attempted.iter().any(|attempted| attempted == value);
            let Known { acknowledged, attempted } = &known;
            assert!(allowed, "round {round}: {key} is {value}, not {acknowledged:?} or {attempted:?}");
            *known = Known { acknowledged: Some(value.to_owned()), attempted: Vec::new() };
        }
    }
    assert!(newest > 100, "only {newest} writes in all rounds");
}

/// Notes a line of the child. Returns the revision it acknowledges.
fn note(known: &mut HashMap<String, Known>, line: &str) -> u64 {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["try", key, value] => {
            known.entry(key.to_owned()).or_default().attempted.push(value.to_owned());
            0
        }
        ["done", key, value, revision] => {
            let Ok(revision) = revision.parse() else { return 0 };
            let known = known.entry(key.to_owned()).or_default();
            *known = Known { acknowledged: Some(value.to_owned()), attempted: Vec::new() };
            revision
        }
        _ => 0,
    }
}

/// The child's whole lines up to when it was killed.
fn run_and_kill(directory: &Path, after: Duration) -> String {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut stdout = child.stdout.take().expect("is piped");
    let reader = std::thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).map(|_| output)
    });
    std::thread::sleep(after);
    child.kill().expect("kills");
    child.wait().expect("ends");
    let output = reader.join().expect("reads").expect("reads");
    let text = String::from_utf8_lossy(&output).into_owned();
    text[..text.rfind('\n').map_or(0, |at| at + 1)].to_owned()
}
