//! The integration tests; the modules mirror what they test.

mod command_line;
mod engine;
mod exports;
mod families;
mod fixtures;
mod gguf;
mod hostile;
mod parsers;
mod remote;
mod support;
mod tokenizers;
mod worker;
