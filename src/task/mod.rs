//! A task in words and examples, the prompts made of it, and its vector.

mod answers;
mod base;
mod base_files;
mod description;
mod encoder;
mod example;
mod prompt;

pub use answers::{Answer, answers};
pub use base::Base;
pub use base_files::{BaseBytes, BaseFiles, Weights};
pub use description::{Demonstrations, Description, Error, MAX_DEMONSTRATIONS, MAX_DESCRIPTION_CHARS};
pub use encoder::{ENCODER_VERSION, Encoder, Part};
pub use example::{Example, Outputs};
pub use prompt::{InputTemplate, Marks, Prompter};
