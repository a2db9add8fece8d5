//! Work that takes long, done beside the workers: they go on with what others wait for. Tasks are not interrupted, so
//! a few large bodies would else hold up everybody, whatever the priority.

use std::future::poll_fn;
use std::num::NonZero;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;

use ironclad_client::{Body, Operation};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use super::Asked;

/// A body of this size takes milliseconds.
const LARGE: usize = 128 * 1024;

/// So does a selection from so many objects.
const MANY: usize = 1_000;

/// Whether an operation may take long without waiting for anything.
pub fn takes_long(asked: &Asked<'_>, operation: &Operation) -> bool {
    match operation {
        Operation::Create(body, _) | Operation::Update(body, _) => match body {
            Body::Json(bytes) | Body::Yaml(bytes) => bytes.len() >= LARGE,
            Body::Tree(_) => false,
        },
        Operation::Patch(patch, _) => patch.body.len() >= LARGE,
        Operation::List(options) => {
            let selects = !options.label_selector.is_everything() || !options.field_selector.is_everything();
            selects && asked.served.kind.object_count() >= MANY
        }
        _ => false,
    }
}

/// As many at a time as there are processors: more would only hold more in memory.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)));

/// Does it there, if it takes long. It has its turn while it works, and gives it up while it waits.
pub async fn run<T>(takes_long: bool, work: impl Future<Output = T>) -> T {
    // Elsewhere there is but one worker, which cannot hand over its tasks.
    let can = || Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
    if !takes_long || !can() {
        return work.await;
    }
    let mut work = pin!(work);
    loop {
        let turn = TURNS.acquire().await;
        let polled = poll_fn(|context| Poll::Ready(block_in_place(|| work.as_mut().poll(context)))).await;
        drop(turn);
        match polled {
            Poll::Ready(done) => return done,
            // What it waits for wakes this task.
            Poll::Pending => woken().await,
        }
    }
}

/// Waits until somebody wakes the task.
async fn woken() {
    let mut has_waited = false;
    poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_meanwhile() {
        let long = tokio::spawn(run(true, async { std::thread::sleep(Duration::from_secs(2)) }));
        let began = Instant::now();
        let other = tokio::spawn(async { tokio::time::sleep(Duration::from_millis(10)).await });
        other.await.expect("it ends");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        long.await.expect("it ends");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_waits_gives_up_its_turn_and_goes_on() {
        let wait = || run(true, async { tokio::time::sleep(Duration::from_millis(200)).await });
        let began = Instant::now();
        futures::future::join_all((0..100).map(|_| wait())).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn where_there_is_one_worker_it_does_it() {
        assert_eq!(run(true, async { 7 }).await, 7);
    }
}
