//! Where the time of a completion went, as the header `Server-Timing`.

use axum::http::{HeaderName, HeaderValue};

use crate::service::GenerateTimings;

/// The header.
pub(crate) fn server_timing(timings: &GenerateTimings) -> [(HeaderName, HeaderValue); 1] {
    let GenerateTimings { adapter, queue, prefill, decode, .. } = timings;
    let text =
        format!("adapter;dur={adapter:.3}, queue;dur={queue:.3}, prefill;dur={prefill:.3}, decode;dur={decode:.3}");
    let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    [(HeaderName::from_static("server-timing"), value)]
}
