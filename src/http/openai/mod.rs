//! OpenAI's routes, so that its clients work unchanged: `/v1/models`, `/v1/completions`, `/v1/chat/completions`.
//!
//! They are a thin coat over the service's completions. `model` is the base's name, or an adapter's id or name; the
//! extra field `task` generates an adapter on the fly. A field that asks for what cannot be done is refused by name,
//! never passed over. Whatever fails below `/v1` has OpenAI's envelope.

mod answers;
pub(crate) mod chat;
pub(crate) mod completions;
mod error;
mod extract;
mod logprobs;
mod messages;
pub(crate) mod models;
mod request;
mod stream;

pub(crate) use error::{Envelope, ErrorBody, answer, is_route};
