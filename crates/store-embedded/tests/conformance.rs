//! The engine against the suite of `ironclad-store`, with the usual segments and with
//! ones so small that the log rolls, moves and drops them all the time.

use std::path::Path;
use std::sync::Arc;

use ironclad_store::{Store, conformance};
use ironclad_store_embedded::{EmbeddedStore, Options};
use tempfile::TempDir;

const SMALL: Options = Options { segment_bytes: 64 << 10 };

fn open(path: &Path, options: Options) -> Arc<dyn Store> {
    EmbeddedStore::open(path, options).expect("the store opens")
}

async fn conforms(options: Options) {
    let directory = TempDir::new().expect("a directory");
    let count = std::sync::atomic::AtomicUsize::new(0);
    conformance::run(|| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = directory.path().join(number.to_string());
        async move { open(&path, options) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passes_the_suite() {
    conforms(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passes_the_suite_with_small_segments() {
    conforms(SMALL).await;
}

#[tokio::test]
async fn is_what_it_was_after_reopening() {
    for seed in 100..110 {
        let directory = TempDir::new().expect("a directory");
        conformance::reopened_history(async || open(directory.path(), SMALL), seed, 600).await;
    }
}
