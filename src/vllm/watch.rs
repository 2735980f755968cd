//! Whether vLLM is there, and what its base is.

use super::Error;
use super::client::{Card, Client};
use super::loras::Loras;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What is known of a vLLM.
#[derive(Debug)]
pub(super) struct Watch {
    client: Client,
    state: Mutex<State>,
    /// Somebody has reason to think that it changed.
    doubt: Notify,
}

#[derive(Debug)]
struct State {
    /// The base that it was last seen to serve.
    base: Option<Card>,
    /// Why it cannot be used.
    away: Option<Error>,
    /// Whether it was ever asked what it has loaded.
    seen: bool,
}

impl Watch {
    pub(super) fn new(client: Client) -> Self {
        let away = Some(Error::away("vLLM was not asked yet"));
        Self { client, state: Mutex::new(State { base: None, away, seen: false }), doubt: Notify::new() }
    }

    /// Looks again and again, as long as it is polled.
    pub(super) async fn run(&self, loras: &Loras, every: Duration) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.doubt.notified() => {}
            }
            self.look(loras).await;
        }
    }

    /// Looks whether it is there, and takes up what changed.
    pub(super) async fn look(&self, loras: &Loras) {
        let looked = async {
            self.client.health().await?;
            self.client.models().await
        };
        match looked.await {
            Ok(cards) => {
                let first = self.here(&cards);
                loras.clear_away(&cards, first).await;
            }
            Err(error) => self.gone(error),
        }
    }

    /// A request failed: where that may be because vLLM is away or another, the watch looks at once.
    pub(super) fn doubt(&self, error: &Error) {
        if matches!(error, Error::Away { .. } | Error::UnknownModel) {
            self.recheck();
        }
    }

    /// The watch looks at once.
    pub(super) fn recheck(&self) {
        self.doubt.notify_one();
    }

    /// The base is not what it was.
    pub(super) fn forget_base(&self) {
        self.lock().base = None;
    }

    /// Why it cannot be used, as far as is known.
    pub(super) fn away(&self) -> Option<Error> {
        self.lock().away.clone()
    }

    /// The base as it was last seen.
    pub(super) fn base_seen(&self) -> Option<Card> {
        self.lock().base.clone()
    }

    /// The base; vLLM is asked where it was not seen yet.
    pub(super) async fn base(&self) -> Result<Card, Error> {
        if let Some(base) = self.base_seen() {
            return Ok(base);
        }
        let cards = self.client.models().await.inspect_err(|error| self.doubt(error))?;
        self.recheck();
        base_of(&cards).cloned()
    }

    /// Takes up what it has; whether that is the first time.
    fn here(&self, cards: &[Card]) -> bool {
        let base = base_of(cards);
        let mut state = self.lock();
        if state.away.is_some() && base.is_ok() {
            tracing::info!("vLLM is there");
        }
        state.away = base.as_ref().err().map(|error| (*error).clone());
        state.base = base.ok().cloned();
        !std::mem::replace(&mut state.seen, true)
    }

    fn gone(&self, error: Error) {
        let mut state = self.lock();
        if state.away.is_none() {
            tracing::warn!(%error, "vLLM is away");
        }
        state.away = Some(error);
        // It may come back as another.
        state.base = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The base among the models: the first that is nobody's adapter.
fn base_of(cards: &[Card]) -> Result<&Card, Error> {
    cards.iter().find(|card| card.parent.is_none()).ok_or_else(|| Error::away("vLLM names no base model"))
}
