//! One run: requests are sent, their answers recorded.

use super::client::{Answer, Client, Error};
use super::load::{Arrivals, Ask, Traffic};
use super::measure::Recorder;
use super::options::{Limit, Mode};
use super::progress::Bar;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// What the requests of a run have in common. Dropping its futures ends what is under way.
pub(super) struct Run<'a> {
    pub(super) client: &'a Client,
    pub(super) mode: Mode,
    /// Ids, by the places in the traffic.
    pub(super) adapters: &'a [String],
    pub(super) max_tokens: u32,
    pub(super) recorder: &'a Mutex<Recorder>,
    pub(super) bar: &'a Bar,
}

/// A client that is refused waits as long as it is told, within this bound.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// After another failure, so that a server that is gone is not asked in a tight loop.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Sends one request and returns its end without recording it.
    pub(super) async fn probe(&self, ask: Ask) -> Result<Answer, Error> {
        self.client.generate(self.fields(ask), Instant::now()).await
    }

    /// Each of the workers sends its next request when its last has ended.
    pub(super) async fn closed(&self, traffic: Traffic, limit: Limit, workers: u32) {
        let begin = Instant::now();
        let ends = limit.duration.and_then(|duration| begin.checked_add(duration));
        let most = limit.requests.unwrap_or(u64::MAX);
        let line = Mutex::new(traffic.zip(0..most));
        let worker = async |_: u32| {
            while ends.is_none_or(|ends| Instant::now() < ends) {
                let Some((ask, _)) = locked(&line).next() else { return };
                let outcome = self.client.generate(self.fields(ask), Instant::now()).await;
                let wait = outcome.as_ref().err().map(wait_after);
                self.record(&outcome);
                if let Some(wait) = wait {
                    let until = Instant::now() + wait;
                    sleep_until(ends.map_or(until, |ends| until.min(ends))).await;
                }
            }
        };
        (0..workers).map(worker).collect::<FuturesUnordered<_>>().collect::<()>().await;
    }

    /// Requests are sent when they are due, however many are under way. Times count from when they were due.
    pub(super) async fn open(&self, traffic: Traffic, limit: Limit, arrivals: Arrivals) {
        let begin = Instant::now();
        let most = usize::try_from(limit.requests.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let due = arrivals.take_while(|at| limit.duration.is_none_or(|duration| *at < duration)).take(most);
        let mut under_way = FuturesUnordered::new();
        for (ask, after) in traffic.zip(due) {
            let Some(at) = begin.checked_add(after) else { break };
            loop {
                tokio::select! {
                    () = sleep_until(at) => break,
                    Some(()) = under_way.next() => {}
                }
            }
            under_way.push(async move { self.record(&self.client.generate(self.fields(ask), at).await) });
        }
        while under_way.next().await.is_some() {}
    }

    fn fields(&self, ask: Ask) -> Value {
        let mut fields = json!({"prompt": ask.prompt, "max_tokens": self.max_tokens});
        if let Some(id) = ask.adapter.and_then(|place| self.adapters.get(place)) {
            fields["adapter"] = json!(id);
        }
        match self.mode {
            Mode::Base => {}
            Mode::Unmerged => fields["merge"] = json!("never"),
            Mode::Merged => fields["merge"] = json!("always"),
        }
        fields
    }

    fn record(&self, outcome: &Result<Answer, Error>) {
        locked(self.recorder).record(outcome);
        self.bar.step();
    }
}

/// Waits before a request is sent again that a full queue refused.
pub(super) async fn rest(error: &Error) {
    sleep(wait_after(error)).await;
}

fn wait_after(error: &Error) -> Duration {
    match error {
        Error::Refused { retry_after_s: Some(after), .. } => Duration::from_secs(*after).min(LONGEST_WAIT),
        _ => AFTER_FAILURE,
    }
}

/// What a panic left half done is measured no worse for it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
