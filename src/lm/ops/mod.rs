//! Operations with a backward: the ones that training runs through.
//!
//! candle's fused norms, softmax and rope drop gradients silently, and its plain operations keep
//! gradients of frozen weights and allocate for every step. These are fused on the CPU with
//! hand-written gradients, each held against finite differences; elsewhere they are composed of
//! plain operations, which differentiate themselves.

mod attention;
mod cross_entropy;
mod linear;
mod rms_norm;
mod slices;
mod swiglu;

pub use attention::{AttentionMap, Heads, attention};
pub use cross_entropy::cross_entropy;
pub use linear::{linear, lora_linear};
pub use rms_norm::rms_norm;
pub use swiglu::swiglu;

#[cfg(test)]
mod gradient_tests;
