//! A limit to how long a whole body may take to come: one that sends a byte a second holds nothing for ever.

use std::error::Error as StdError;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use futures::stream::unfold;
use tokio::time::{Instant, timeout_at};

use super::problem::{Code, Problem};
use super::state::AppState;

/// The body did not come in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body took too long to come")]
struct SlowBody;

/// Whether this is why a body could not be read.
pub(super) fn is_slow(error: &(dyn StdError + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<SlowBody>() {
            return true;
        }
        error = cause.source();
    }
    false
}

/// What it is answered with.
pub(super) fn problem() -> Problem {
    Problem::new(Code::SlowBody, "the body took longer to come than this server waits (--body-timeout)")
}

/// Gives the request's body its time.
pub(super) async fn with_body_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(limit) = state.body_time() else { return next.run(request).await };
    next.run(request.map(|body| if body.is_end_stream() { body } else { timed(body, limit) })).await
}

fn timed(body: Body, limit: Duration) -> Body {
    let deadline = Instant::now() + limit;
    Body::from_stream(unfold(Some(body.into_data_stream()), move |body: Option<BodyDataStream>| async move {
        let mut body = body?;
        match timeout_at(deadline, body.next()).await {
            Ok(piece) => piece.map(|piece| (piece, Some(body))),
            Err(_) => Some((Err(axum::Error::new(SlowBody)), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Bytes, to_bytes};
    use std::convert::Infallible;

    fn dripping(pieces: usize) -> Body {
        let pieces = futures::stream::iter(0..pieces).then(|_| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        Body::from_stream(pieces)
    }

    #[tokio::test]
    async fn a_body_that_drips_is_given_up_and_one_in_time_is_whole() {
        let whole = to_bytes(timed(dripping(3), Duration::from_secs(9)), 9).await.unwrap();
        assert_eq!(&whole[..], b"xxx");
        let slow = to_bytes(timed(dripping(9_999), Duration::from_millis(200)), 9_999).await.unwrap_err();
        assert!(is_slow(&slow), "{slow:?}");
    }
}
