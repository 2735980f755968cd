//! A backend that dies at a chosen operation, or lets something happen there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use crate::store::ArtifactError;
use crate::store::artifacts::backend::{Backend, BackendFuture, Stored};

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has no effect.
    Before,
    /// It has its effect, and nobody hears of it.
    After,
}

/// Operations from the given one on fail: the process is dead.
#[derive(Debug)]
pub(super) struct Faulty {
    inner: Arc<dyn Backend>,
    fault: Fault,
    dies_at: usize,
    done: AtomicUsize,
}

impl Faulty {
    pub(super) fn new(inner: Arc<dyn Backend>, fault: Fault, dies_at: usize) -> Self {
        Self { inner, fault, dies_at, done: AtomicUsize::new(0) }
    }

    fn run<'a, T: Send + 'a>(&'a self, operation: BackendFuture<'a, T>) -> BackendFuture<'a, T> {
        let dead = || ArtifactError::Away { place: "here".to_owned(), reason: "the process was killed".to_owned() };
        Box::pin(async move {
            let number = self.done.fetch_add(1, Ordering::Relaxed);
            if number > self.dies_at || (number == self.dies_at && self.fault == Fault::Before) {
                return Err(dead());
            }
            let done = operation.await?;
            if number == self.dies_at { Err(dead()) } else { Ok(done) }
        })
    }
}

impl Backend for Faulty {
    fn read<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<Bytes>> {
        self.run(self.inner.read(key))
    }

    fn size<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<u64>> {
        self.run(self.inner.size(key))
    }

    fn write<'a>(&'a self, key: &'a str, bytes: Bytes) -> BackendFuture<'a, ()> {
        self.run(self.inner.write(key, bytes))
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BackendFuture<'a, bool> {
        self.run(self.inner.rename(from, to))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BackendFuture<'a, ()> {
        self.run(self.inner.delete(key))
    }

    fn list<'a>(&'a self, folder: &'a str) -> BackendFuture<'a, Vec<Stored>> {
        self.run(self.inner.list(folder))
    }

    fn tidy(&self, before: SystemTime) -> BackendFuture<'_, ()> {
        self.run(self.inner.tidy(before))
    }

    fn place(&self, key: &str) -> String {
        self.inner.place(key)
    }
}
