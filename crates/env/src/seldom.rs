//! What seldom happens, beside what often does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// A future that is polled only after it has asked for it. A task that waits for several things polls all of them at
/// every turn; a deadline or the end of the program, with its lock or timer, is better left alone until it comes.
pub struct Seldom<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    /// Whom the bell calls, so that the same task need not say it again at every turn.
    called: Option<Waker>,
}

#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    /// A ring does not use it up.
    task: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F: Future> Seldom<F> {
    pub fn new(future: F) -> Self {
        let bell = Arc::<Bell>::default();
        // Once for the first poll.
        bell.rung.store(true, Ordering::Release);
        Self { future: Box::pin(future), bell, called: None }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Before the bell is looked at: a ring that called another task, or none, is seen here.
        if !self.called.as_ref().is_some_and(|called| called.will_wake(context.waker())) {
            *self.bell.task.lock() = Some(context.waker().clone());
            self.called = Some(context.waker().clone());
        }
        if !self.bell.rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Before the future is polled: a ring from now on may be about what it does not see any more. What was done
        // before a ring that this takes back is seen.
        self.bell.rung.swap(false, Ordering::AcqRel);
        let waker = Waker::from(self.bell.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use futures::channel::oneshot;
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn it_is_polled_when_it_asks_for_it_and_not_before() {
        let (sender, mut receiver) = oneshot::channel::<u8>();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        let mut seldom = Seldom::new(poll_fn(move |context| {
            counted.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut receiver).poll(context)
        }));
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        for _ in 0..3 {
            assert!(Pin::new(&mut seldom).poll(&mut context).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        sender.send(7).expect("somebody waits");
        assert_eq!(Pin::new(&mut seldom).poll(&mut context), Poll::Ready(Ok(7)));
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_ring_calls_the_task_that_polled_last() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (sender, receiver) = oneshot::channel::<u8>();
        let mut seldom = Seldom::new(receiver);
        let [first, second] = [0, 1].map(|_| Arc::new(Count(AtomicUsize::new(0))));
        for task in [&first, &second, &second] {
            let waker = Waker::from(task.clone());
            assert!(Pin::new(&mut seldom).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        sender.send(7).expect("somebody waits");
        let calls = [&first, &second].map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(calls, [0, 1]);
    }
}
