//! A request whose outcome is not known yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::paxos::{Outcome, RequestId, Unknown};

/// A request of a [`SharedClient`](super::shared_client::SharedClient) that may not have ended yet.
///
/// A thread waits for its outcome by [`wait`](Pending::wait), a task by `.await`: it is a future that needs
/// no runtime and suits any. Whoever drops it gives nothing up: the request goes on, and nobody is told of
/// its end.
#[derive(Debug)]
#[must_use = "whoever drops it is not told of the outcome"]
pub struct Pending(Arc<Slot>);

/// The place where an outcome is put, and awaited.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
    has_ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    end: Option<(Option<RequestId>, Outcome)>,
    waker: Option<Waker>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, id: Option<RequestId>, outcome: Outcome) {
        let mut state = self.state();
        if state.end.is_none() {
            state.end = Some((id, outcome));
            let waker = state.waker.take();
            drop(state);
            self.has_ended.notify_all();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// The duty to say what becomes of a request. Should it be dropped, the outcome is unknown.
#[derive(Debug)]
pub(super) struct Settler(Arc<Slot>);

impl Settler {
    /// Says what became of the request, and under which name.
    pub(super) fn settle(self, id: Option<RequestId>, outcome: Outcome) {
        self.0.settle(id, outcome);
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.0.settle(None, Outcome::Unknown(Unknown::Silence));
    }
}

/// Both ends of a request.
pub(super) fn request() -> (Settler, Pending) {
    let slot = Arc::new(Slot::default());
    (Settler(Arc::clone(&slot)), Pending(slot))
}

impl Pending {
    /// Blocks until the request has ended: at its deadline, at the latest.
    pub fn wait(&self) -> Outcome {
        let mut state = self.0.state();
        loop {
            match &state.end {
                Some((_, outcome)) => return outcome.clone(),
                None => {
                    let waited = self.0.has_ended.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// The name of the request, once it has ended; none if it was never sent. Asked again under it, by any
    /// client, the command is applied once.
    pub fn request(&self) -> Option<RequestId> {
        self.0.state().end.as_ref().and_then(|(id, _)| *id)
    }
}

impl Future for Pending {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.0.state();
        if let Some((_, outcome)) = &state.end {
            return Poll::Ready(outcome.clone());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::paxos::Rejected;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll(pending: &mut Pending, count: &Arc<Count>) -> Poll<Outcome> {
        Pin::new(pending).poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
    }

    #[test]
    fn only_the_task_that_polled_last_is_woken_and_once() {
        let (settler, mut pending) = request();
        let (first, last) = (Arc::new(Count::default()), Arc::new(Count::default()));
        assert!(poll(&mut pending, &first).is_pending() && poll(&mut pending, &last).is_pending());
        assert_eq!(pending.request(), None);
        let outcome = Outcome::Rejected(Rejected::TooLarge);
        settler.settle(Some(RequestId::default()), outcome.clone());
        let woken = [&first, &last].map(|count| count.0.load(Ordering::SeqCst));
        assert_eq!(woken, [0, 1]);
        assert_eq!(poll(&mut pending, &first), Poll::Ready(outcome.clone()));
        assert_eq!((pending.wait(), pending.request()), (outcome, Some(RequestId::default())));
    }

    #[test]
    fn an_outcome_that_nobody_will_ever_tell_is_unknown() {
        let (settler, pending) = request();
        drop(settler);
        assert_eq!(pending.wait(), Outcome::Unknown(Unknown::Silence));
    }
}
