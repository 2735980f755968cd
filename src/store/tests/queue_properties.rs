//! Whatever callers and workers do, in whatever order: no job is lost, none is taken from a worker whose lease is in force,
//! no stale write is accepted, a job that has ended does not change, the next job is the one with the highest priority, a
//! parent is never at work while it waits, and no child outlives a parent that has ended. A worker may die, or sleep until its
//! lease has run out and wake at any later time: it writes with the attempt that it had.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Enqueue {
        key: Option<u8>,
        priority: i32,
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
    Fail {
        retry: bool,
    },
    Stop,
    Release,
    /// Waits for so many children.
    Fork {
        children: u8,
    },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let write = prop_oneof![
        Just(Write::Renew),
        Just(Write::Log),
        Just(Write::Succeed),
        any::<bool>().prop_map(|retry| Write::Fail { retry }),
        Just(Write::Stop),
        Just(Write::Release),
        (0..4u8).prop_map(|children| Write::Fork { children }),
    ];
    let op = prop_oneof![
        2 => (proptest::option::of(0..3u8), -1..2i32)
            .prop_map(|(key, priority)| Op::Enqueue { key, priority: if key.is_some() { 0 } else { priority } }),
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
            Op::Enqueue { key, priority } => self.enqueue(key, priority).await,
            Op::Claim { lease_over } => {
                let lease = if lease_over { Duration::ZERO } else { MINUTE };
                let claimed = claim(&self.store, lease).await;
                self.is_next(claimed.as_ref());
                if let Some(job) = claimed {
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

    fn children(&self, parent: &JobRecord) -> impl Iterator<Item = &JobRecord> {
        self.jobs.values().filter(|child| child.parent.as_ref() == Some(&parent.id))
    }

    /// Whether a claim takes the job if no other comes before it. A claim first settles what lost workers left, so a child
    /// whose parent is lost may not wait any more.
    fn is_ready(&self, job: &JobRecord) -> bool {
        match job.state {
            JobState::Queued => !job.parent.as_ref().is_some_and(|parent| is_lost(&self.jobs[parent])),
            JobState::Waiting => self.may_go_on(job),
            _ => false,
        }
    }

    fn may_go_on(&self, parent: &JobRecord) -> bool {
        let failed = |child: &JobRecord| matches!(child.state, JobState::Failed | JobState::Cancelled);
        self.children(parent).all(|child| child.state.is_finished()) || self.children(parent).any(failed)
    }

    /// Of all jobs that wait none comes before the one that was taken.
    fn is_next(&self, claimed: Option<&JobRecord>) {
        let order = |job: &JobRecord| (-job.priority, job.created_at, job.id.clone());
        let first = self.jobs.values().filter(|job| self.is_ready(job)).map(order).min();
        match (claimed, first) {
            (Some(job), Some(first)) => assert!(order(job) <= first, "{job:?} was taken before {first:?}"),
            (None, first) => assert_eq!(first, None, "a job that is ready was not taken"),
            (Some(_), None) => {}
        }
        if let Some(before) = claimed.map(|job| &self.jobs[&job.id]).filter(|before| before.state == JobState::Waiting)
        {
            let settled = self.children(before).any(is_lost);
            assert!(settled || self.may_go_on(before), "a parent went on without its children: {before:?}");
        }
    }

    async fn enqueue(&mut self, key: Option<u8>, priority: i32) {
        let id = format!("job {:03}", self.jobs.len());
        let payload = json!({ "key": key });
        let job = NewJob { payload, priority, idempotency_key: key.map(|key| key.to_string()), ..new_job(&id) };
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
        let before = self.jobs[attempt.job].clone();
        let holds =
            before.attempt == attempt.number && matches!(before.state, JobState::Running | JobState::Cancelling);
        let fail =
            |retry: bool| Outcome::Failed { error: "e".to_owned(), retry_after: retry.then_some(Duration::ZERO) };
        // Whether the lease is in force afterwards; a line in the log leaves it as it is.
        let leases = match write {
            Write::Renew => Some(true),
            Write::Log => None,
            Write::Succeed | Write::Fail { .. } | Write::Stop | Write::Release | Write::Fork { .. } => Some(false),
        };
        let store = &self.store;
        let written = match write {
            Write::Renew => store.renew_job(attempt, MINUTE).await.map(drop),
            Write::Log => store.update_job(attempt, &JobUpdate::Log("l".to_owned()), at(2)).await.map(drop),
            Write::Succeed => store.finish_job(attempt, &Outcome::Succeeded(json!(1)), at(2)).await.map(drop),
            Write::Fail { retry } => store.finish_job(attempt, &fail(retry), at(2)).await.map(drop),
            Write::Stop => store.finish_job(attempt, &Outcome::Cancelled, at(2)).await.map(drop),
            Write::Release => store.release_job(attempt, at(2)).await.map(drop),
            // A child has no children.
            Write::Fork { .. } if before.parent.is_some() => return,
            Write::Fork { children } => {
                let children: Vec<NewChild> = (0..children).map(|number| child_of(attempt.job, number)).collect();
                let forked = store.fork_job(attempt, &children, at(2)).await;
                if forked.as_ref().is_ok_and(|parent| parent.state == JobState::Waiting) {
                    for child in store.children(attempt.job).await.unwrap() {
                        self.jobs.entry(child.id.clone()).or_insert(child);
                    }
                }
                forked.map(drop)
            }
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
            let parent = after.parent.as_ref().map(|parent| &stored[parent]);
            let orphaned = parent.is_some_and(|parent| parent.state.is_finished());
            let at_work = matches!(after.state, JobState::Queued | JobState::Running);
            assert!(!(orphaned && at_work), "{after:?} outlives {parent:?}");
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

/// Whether the job's worker let its lease run out. Leases are of no time or of a minute here.
fn is_lost(job: &JobRecord) -> bool {
    job.lease_until.is_some_and(|until| until < OffsetDateTime::now_utc() + MINUTE / 2)
}

/// The parent's child with this number.
fn child_of(parent: &str, number: u8) -> NewChild {
    NewChild {
        id: format!("{parent} child {number}"),
        kind: "adapter".to_owned(),
        payload: json!({ "task": number }),
        max_attempts: 2,
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
