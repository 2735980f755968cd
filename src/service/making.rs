//! Adapters in the making: each is made once, however many ask for it at the same time, and no further than somebody
//! waits for it.

use super::Error;
use super::make::Made;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is being made, or was. It goes on as long as one of those that wait holds it, whoever came first; when the last
/// lets go of it, it is dropped.
pub(super) type Flight = Shared<BoxFuture<'static, Result<Arc<Made>, Arc<Error>>>>;

type Weak = WeakShared<BoxFuture<'static, Result<Arc<Made>, Arc<Error>>>>;

/// The flights by id.
#[derive(Default)]
pub(super) struct Making {
    flights: Mutex<HashMap<String, Weak>>,
}

/// Whose work it is, for the times that an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// This request began it.
    Own,
    /// Another did.
    Others,
}

impl Making {
    /// The flight of this id, or a new one of what `make` gives. One that holds its flight until the adapter is published
    /// gives it to all that come until then.
    pub(super) fn join<F>(&self, id: &str, make: impl FnOnce() -> F) -> (Flight, Share)
    where
        F: Future<Output = Result<Made, Error>> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(id).and_then(Weak::upgrade) {
            return (flight, Share::Others);
        }
        flights.retain(|_, flight| flight.upgrade().is_some());
        let made = make();
        let flight = async move { made.await.map(Arc::new).map_err(Arc::new) }.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(id.to_owned(), weak);
        }
        (flight, Share::Own)
    }

    /// Those that ask from now on get another flight: the adapter was deleted.
    pub(super) fn forget(&self, id: &str) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::progress::CancelFlag;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::oneshot;

    /// Cancels when it goes.
    struct Dropped(CancelFlag);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }

    /// Work that fails when it is told to, and tells when it is dropped.
    fn work(go: oneshot::Receiver<()>, gone: CancelFlag) -> impl Future<Output = Result<Made, Error>> + Send + 'static {
        let dropped = Dropped(gone);
        async move {
            let _ = go.await;
            drop(dropped);
            Err(Error::NoGenerator)
        }
    }

    #[tokio::test]
    async fn the_work_outlives_the_one_that_began_it_and_is_shared() {
        let (making, gone, begun) = (Making::default(), CancelFlag::default(), AtomicUsize::new(0));
        let (go, wait) = oneshot::channel();
        let (first, share) = making.join("a", || {
            begun.fetch_add(1, Ordering::Relaxed);
            work(wait, gone.clone())
        });
        assert_eq!(share, Share::Own);
        let never = || -> std::future::Ready<Result<Made, Error>> { panic!("it is being made") };
        let (second, share) = making.join("a", never);
        assert_eq!(share, Share::Others);
        let first = tokio::spawn(first);
        tokio::task::yield_now().await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled() && !gone.is_cancelled());
        go.send(()).unwrap();
        assert!(matches!(second.await.map(|_| ()).map_err(|e| e.to_string()), Err(e) if e.contains("generator")));
        assert_eq!(begun.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped_and_begun_anew_by_the_next() {
        let (making, gone) = (Making::default(), CancelFlag::default());
        let (_go, wait) = oneshot::channel();
        let (flight, _) = making.join("a", || work(wait, gone.clone()));
        drop(flight);
        assert!(gone.is_cancelled());
        let (_go, wait) = oneshot::channel();
        assert_eq!(making.join("a", || work(wait, CancelFlag::default())).1, Share::Own);
    }
}
