//! LoRA weights: their layout, the shared A0, PEFT directories, merging.

mod layout;

pub use layout::{Layout, Module, Slot};
