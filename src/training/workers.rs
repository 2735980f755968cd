//! Threads that train side by side, each with a thread pool of one: a shard of the work is computed
//! on one thread from beginning to end, so that its numbers do not depend on how many there are.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// A fixed set of worker threads.
#[derive(Debug)]
pub struct Workers {
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// `count` workers, at least one.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = || ThreadPoolBuilder::new().num_threads(1).build();
        Ok(Self { pools: (0..count.max(1)).map(|_| pool()).collect::<Result<_, _>>()? })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.pools.len()
    }

    /// Calls `work` for each item, as many at a time as there are workers; results come in the
    /// order of the items.
    ///
    /// # Panics
    /// Where `work` does.
    pub fn map<I: Send, O: Send>(&self, items: Vec<I>, work: impl Fn(I) -> O + Sync) -> Vec<O> {
        let queue = std::sync::Mutex::new(items.into_iter().enumerate());
        let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
        let (next, work) = (&next, &work);
        let mut done: Vec<(usize, O)> = std::thread::scope(|scope| {
            let run = |pool: &'_ ThreadPool| {
                let mut mine = Vec::new();
                while let Some((index, item)) = next() {
                    mine.push((index, pool.install(|| work(item))));
                }
                mine
            };
            let handles: Vec<_> = self.pools.iter().map(|pool| scope.spawn(move || run(pool))).collect();
            let join = |handle: std::thread::ScopedJoinHandle<'_, Vec<(usize, O)>>| {
                handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            handles.into_iter().flat_map(join).collect()
        });
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let workers = Workers::new(3).expect("threads");
        assert_eq!(workers.map((0..20).collect(), |i: i32| i * i), (0..20).map(|i| i * i).collect::<Vec<_>>());
    }
}
