//! Work on numbered pieces by several threads, its results taken in order.

use std::sync::mpsc::sync_channel;

/// More threads than this read no faster.
const MOST_THREADS: usize = 4;

/// Calls `work` for 0 up to `count`, on several threads, and `take` with each result, in order, until it fails.
/// A thread is at most two results ahead of what was taken. `tools` makes what each thread works with and keeps.
pub fn in_order<T, R: Send, E>(
    count: usize,
    tools: impl Fn() -> T + Sync,
    work: impl Fn(usize, &mut T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(count);
    if threads < 2 {
        let mut tools = tools();
        return (0..count).try_for_each(|at| take(work(at, &mut tools)));
    }
    let (tools, work) = (&tools, &work);
    std::thread::scope(|scope| {
        let start = |first: usize| {
            let (done, results) = sync_channel(1);
            scope.spawn(move || {
                let mut tools = tools();
                // Nobody takes any more once one of them has failed.
                (first..count).step_by(threads).all(|at| done.send(work(at, &mut tools)).is_ok())
            });
            results
        };
        let results: Vec<_> = (0..threads).map(start).collect();
        let mut turns = results.iter().cycle().take(count);
        // A channel that ends early belongs to a thread that panicked; the scope passes that on.
        turns.try_for_each(|results| results.recv().map_or(Ok(()), &mut take))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_until_one_is_refused() {
        let check = |count: usize, refused: usize, want: usize| {
            let mut taken = Vec::new();
            let result = in_order(
                count,
                || 0,
                |at, done| {
                    *done += 1;
                    at
                },
                |at| {
                    taken.push(at);
                    if at == refused { Err(at) } else { Ok(()) }
                },
            );
            assert_eq!(taken, (0..want).collect::<Vec<_>>());
            assert_eq!(result, if refused < count { Err(refused) } else { Ok(()) });
        };
        check(0, 9, 0);
        check(1, 9, 1);
        check(100, 1000, 100);
        check(100, 50, 51);
    }
}
