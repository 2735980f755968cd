//! Whatever callers and workers do, in whatever order: no job is lost, none is taken from a worker whose lease is in force,
//! no stale write is accepted, and a job that has ended does not change. A worker may die, or sleep until its lease has run
//! out and wake at any later time: it writes with the attempt that it had.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Enqueue {
        key: Option<u8>,
    },
    Claim {
        lease_over: bool,
    },
    Cancel {
        job: usize,
    },
    /// So much time passes that every lease runs out.
    Sleep,
    /// A write by the worker of this claim, which may be long over.
    Write {
        claim: usize,
        write: Write,
    },
}

#[derive(Clone, Debug)]
enum Write {
    Renew,
    Log,
    Succeed,
    Fail { retry: bool },
    Stop,
    Release,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let write = prop_oneof![
        Just(Write::Renew),
        Just(Write::Log),
        Just(Write::Succeed),
        any::<bool>().prop_map(|retry| Write::Fail { retry }),
        Just(Write::Stop),
        Just(Write::Release),
    ];
    let op = prop_oneof![
        2 => proptest::option::of(0..3u8).prop_map(|key| Op::Enqueue { key }),
        4 => any::<bool>().prop_map(|lease_over| Op::Claim { lease_over }),
        1 => (0..8usize).prop_map(|job| Op::Cancel { job }),
        1 => Just(Op::Sleep),
        5 => (0..16usize, write).prop_map(|(claim, write)| Op::Write { claim, write }),
    ];
    proptest::collection::vec(op, 1..40)
}

/// What the test knows beside the store.
struct World {
    store: TestStore,
    /// Every job that was ever queued, as it was last seen.
    jobs: BTreeMap<String, JobRecord>,
    claims: Vec<(String, u32)>,
    /// The jobs whose lease is in force.
    leased: BTreeSet<String>,
    keys: BTreeMap<u8, String>,
}

impl World {
    async fn apply(&mut self, op: Op) {
        match op {
            Op::Enqueue { key } => self.enqueue(key).await,
            Op::Claim { lease_over } => {
                let lease = if lease_over { Duration::ZERO } else { MINUTE };
                if let Some(job) = claim(&self.store, lease).await {
                    assert_eq!(job.attempt, self.jobs[&job.id].attempt + 1);
                    assert!(!self.leased.contains(&job.id), "{job:?} was taken from its worker");
                    if !lease_over {
                        self.leased.insert(job.id.clone());
                    }
                    self.claims.push((job.id, job.attempt));
                }
            }
            Op::Cancel { job } => {
                let Some(before) = self.jobs.values().nth(job).cloned() else { return };
                let cancelled = self.store.cancel_job(&before.id, at(1)).await;
                assert_eq!(cancelled.is_err(), before.state.is_finished(), "{before:?}");
            }
            Op::Sleep => self.sleep().await,
            Op::Write { claim, write } => {
                let Some((id, number)) = self.claims.get(claim).cloned() else { return };
                self.write(Attempt { job: &id, number }, write).await;
            }
        }
        self.look().await;
    }

    async fn enqueue(&mut self, key: Option<u8>) {
        let id = format!("job {:03}", self.jobs.len());
        let payload = json!({ "key": key });
        let job = NewJob { payload, idempotency_key: key.map(|key| key.to_string()), ..new_job(&id) };
        let enqueued = self.store.enqueue_job(&job, at(0)).await.unwrap();
        let first = key.map(|key| self.keys.entry(key).or_insert(id.clone()).clone());
        assert_eq!(enqueued.job.id, first.unwrap_or(id.clone()));
        assert_eq!(enqueued.created, enqueued.job.id == id);
        self.jobs.insert(enqueued.job.id.clone(), enqueued.job);
    }

    async fn sleep(&mut self) {
        self.store.execute("UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL").await;
        self.leased.clear();
    }

    async fn write(&mut self, attempt: Attempt<'_>, write: Write) {
        let before = &self.jobs[attempt.job];
        let holds =
            before.attempt == attempt.number && matches!(before.state, JobState::Running | JobState::Cancelling);
        let fail =
            |retry: bool| Outcome::Failed { error: "e".to_owned(), retry_after: retry.then_some(Duration::ZERO) };
        // Whether the lease is in force afterwards; a line in the log leaves it as it is.
        let leases = match write {
            Write::Renew => Some(true),
            Write::Log => None,
            Write::Succeed | Write::Fail { .. } | Write::Stop | Write::Release => Some(false),
        };
        let store = &self.store;
        let written = match write {
            Write::Renew => store.renew_job(attempt, MINUTE).await.map(drop),
            Write::Log => store.update_job(attempt, &JobUpdate::Log("l".to_owned()), at(2)).await.map(drop),
            Write::Succeed => store.finish_job(attempt, &Outcome::Succeeded(json!(1)), at(2)).await.map(drop),
            Write::Fail { retry } => store.finish_job(attempt, &fail(retry), at(2)).await.map(drop),
            Write::Stop => store.finish_job(attempt, &Outcome::Cancelled, at(2)).await.map(drop),
            Write::Release => store.release_job(attempt, at(2)).await.map(drop),
        };
        match written {
            Ok(()) => {
                assert!(holds, "a stale write was accepted: {attempt:?}, {before:?}");
                match leases {
                    Some(true) => drop(self.leased.insert(attempt.job.to_owned())),
                    Some(false) => drop(self.leased.remove(attempt.job)),
                    None => {}
                }
            }
            Err(StoreError::StaleAttempt { .. }) => assert!(!holds, "the holder was refused: {before:?}"),
            Err(error) => panic!("{error}"),
        }
    }

    /// Every job is still there, and those that had ended are as they were.
    async fn look(&mut self) {
        let stored = self.store.list_jobs(&JobFilter::default(), &page(1_000, None)).await.unwrap().data;
        let stored: BTreeMap<_, _> = stored.into_iter().map(|job| (job.id.clone(), job)).collect();
        assert!(stored.keys().eq(self.jobs.keys()), "a job was lost or made up");
        for (before, after) in self.jobs.values().zip(stored.values()) {
            assert!(after.attempt >= before.attempt);
            assert!(!before.state.is_finished() || before == after, "{before:?} became {after:?}");
        }
        self.jobs = stored;
    }

    /// One healthy worker brings every job to its end.
    async fn work_off(&mut self) {
        // The lost workers' leases run out.
        self.sleep().await;
        while let Some(job) = claim(&self.store, MINUTE).await {
            self.store.finish_job(job.current_attempt(), &Outcome::Succeeded(json!(1)), at(3)).await.unwrap();
        }
        self.look().await;
        assert!(self.jobs.values().all(|job| job.state.is_finished()), "{:?}", self.jobs);
    }
}

async fn hold(store: TestStore, ops: Vec<Op>) {
    let mut world =
        World { store, jobs: BTreeMap::new(), claims: Vec::new(), leased: BTreeSet::new(), keys: BTreeMap::new() };
    for op in ops {
        world.apply(op).await;
    }
    world.work_off().await;
}

fn on_a_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() }
}

mod sqlite {
    use super::*;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn no_job_is_lost_and_no_stale_write_is_accepted(ops in ops()) {
            on_a_runtime(TestStore::with_sqlite(|store| hold(store, ops)));
        }
    }
}

mod postgres {
    use super::*;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn no_job_is_lost_and_no_stale_write_is_accepted(ops in ops()) {
            on_a_runtime(TestStore::with_postgres(|store| hold(store, ops)));
        }
    }
}
