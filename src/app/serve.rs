//! Listening, and stopping without losing what was accepted.

use super::build::Application;
use super::collecting::collect_hourly;
use super::connections;
use super::exposure::ExposureOptions;
use super::options::ServeOptions;
use crate::http;
use crate::jobs::RunningRunner;
use anyhow::Context;
use std::time::Duration;

/// How long a job's next checkpoint is waited for at the end.
const CHECKPOINT: Duration = Duration::from_secs(30);

/// Serves until SIGTERM or Ctrl-C, then drains: no new completions, those under way are finished,
/// running jobs stop at their next checkpoint and wait in the queue.
///
/// # Errors
/// Where the address cannot be bound.
pub async fn serve(application: Application, options: &ServeOptions) -> anyhow::Result<()> {
    let listen = &options.listen;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is another server there? choose another with --listen"))?;
    let address = listener.local_addr()?;
    let _telling = options.telemetry.listen(&application.service).await?;
    let runner = application.start_jobs();
    let Application { service, store, artifacts, lock, .. } = application;
    let collecting = tokio::spawn(collect_hourly(store, artifacts, options.grace.artifact_grace));
    let (close, closing) = tokio::sync::watch::channel(false);
    let import = usize::try_from(options.max_import_mib.saturating_mul(1 << 20)).unwrap_or(usize::MAX);
    let limits = http::BodyLimits { import, ..http::BodyLimits::default() };
    let state = http::AppState::exposed(service.clone(), limits, closing, options.exposure.exposure());
    let router = http::router(state);
    let info = service.info();
    eprintln!(
        "attune {} is ready on http://{address} (base {}, {}, generator {}): a page for a browser, and the interface at /docs",
        info.version,
        info.base_model,
        info.device,
        info.generator.as_deref().unwrap_or("none yet")
    );
    let stopping = service.clone();
    let stopped = async move {
        termination().await;
        tracing::info!("draining");
        stopping.stop();
        // Streams that wait for a job's events end; those of completions finish.
        let _ = close.send(true);
    };
    let (drained, wait) = tokio::sync::oneshot::channel();
    let server = connections::serve(listener, router, options.exposure.header_time(), async move {
        stopped.await;
        let _ = drained.send(());
    });
    let drain = Duration::from_secs(options.drain_timeout);
    let deadline = async move {
        match wait.await {
            Ok(()) => tokio::time::sleep(drain).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = server => {},
        () = deadline => tracing::warn!("some requests were still open after {drain:?}"),
    }
    drain_jobs(runner).await;
    collecting.abort();
    drop(lock);
    Ok(())
}

/// Serves on a free loopback port as long as the process lives; jobs wait. Gives the address.
///
/// # Errors
/// Where there is no free port.
pub async fn serve_in_background(application: &Application) -> anyhow::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (_, closing) = tokio::sync::watch::channel(false);
    let router = http::router(http::AppState::new(application.service.clone(), http::BodyLimits::default(), closing));
    let header_time = ExposureOptions::default().header_time();
    tokio::spawn(connections::serve(listener, router, header_time, std::future::pending()));
    Ok(address)
}

/// Lets running jobs reach their next checkpoint and puts them back into the queue, within bounds.
pub async fn drain_jobs(runner: RunningRunner) {
    if tokio::time::timeout(CHECKPOINT, runner.drain()).await.is_err() {
        tracing::warn!("a job did not reach a checkpoint in {CHECKPOINT:?}; it goes on from its last one");
    }
}

/// SIGTERM or Ctrl-C.
pub async fn termination() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! { () = interrupt => {}, _ = terminate.recv() => {} }
            }
            Err(_) => interrupt.await,
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
