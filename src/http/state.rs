//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::sync::watch;

use super::auth::{Guard, KeyPolicy};
use crate::service::Service;

const MIB: usize = 1 << 20;

/// The longest bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Of every other route.
    pub general: usize,
    /// Of `POST /adapters/import`, and of what an archive unpacks to.
    pub import: usize,
    /// Of `PUT /tasks/{name}/examples`.
    pub examples: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { general: 16 * MIB, import: 512 * MIB, examples: 8 * MIB }
    }
}

/// Who may come, from where, and how slowly.
#[derive(Clone, Debug, Default)]
pub struct Exposure {
    /// When keys are asked for, and what they may.
    pub keys: KeyPolicy,
    /// The origins whose pages may read answers.
    pub cors_origins: Vec<HeaderValue>,
    /// How long a whole body may take to come; without end where it is not said.
    pub body_time: Option<Duration>,
}

/// The state of the router. Clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    service: Arc<Service>,
    limits: BodyLimits,
    exposure: Exposure,
    guard: Guard,
    /// Turns true when the server drains: streams that wait for events end then.
    closing: watch::Receiver<bool>,
}

impl AppState {
    /// The state of a server that drains when `closing` turns true. It asks for keys as soon as there is one.
    pub fn new(service: Arc<Service>, limits: BodyLimits, closing: watch::Receiver<bool>) -> Self {
        Self::exposed(service, limits, closing, Exposure::default())
    }

    /// As [`Self::new`], to these.
    pub fn exposed(
        service: Arc<Service>,
        limits: BodyLimits,
        closing: watch::Receiver<bool>,
        exposure: Exposure,
    ) -> Self {
        let guard = Guard::new(exposure.keys);
        Self(Arc::new(Shared { service, limits, exposure, guard, closing }))
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    pub(super) fn body_time(&self) -> Option<Duration> {
        self.0.exposure.body_time
    }

    pub(super) fn cors_origins(&self) -> &[HeaderValue] {
        &self.0.exposure.cors_origins
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.0.service
    }

    /// The longest bodies.
    pub fn limits(&self) -> BodyLimits {
        self.0.limits
    }

    /// Whether the server drains.
    pub fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Until the server drains; for ever where nobody can say so any more.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.0.closing.clone();
        async move {
            if closing.wait_for(|closing| *closing).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
