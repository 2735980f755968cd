//! Operations with a backward: the ones that training runs through.
//!
//! candle's fused norms, softmax and rope drop gradients silently, and its plain operations keep
//! gradients of frozen weights and allocate for every step. These are fused on the CPU with
//! hand-written gradients, each held against finite differences; elsewhere they are composed of
//! plain operations, which differentiate themselves.

mod attention;
mod cross_entropy;
mod gated;
mod head_cross_entropy;
mod linear;
mod quantised_linear;
mod rms_norm;
mod sight;
mod slices;

pub use attention::{AttentionKind, AttentionMap, Heads, attention};
pub(in crate::lm) use attention::{rotated, softcapped};
pub use cross_entropy::cross_entropy;
pub(in crate::lm) use gated::fast_exp;
pub use gated::gated;
pub use head_cross_entropy::{Head, Teacher, head_cross_entropy};
pub use linear::{linear, lora_linear};
pub use quantised_linear::{Blocks, quantised_linear};
pub use rms_norm::rms_norm;
pub(in crate::lm) use slices::with_f32;

#[cfg(test)]
mod gradient_tests;
