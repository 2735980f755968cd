//! A tiny base for trainers' tests: the fixture that transformers wrote, with a byte-level tokenizer.

use crate::lm::{Loading, byte_level_tokenizer_json};
use crate::task::{Base, BaseBytes, Example, Prompter};
use crate::training::dataset::TaskData;
use candle_core::DType;

/// The base.
pub(super) fn base() -> Base {
    base_in(DType::F32)
}

/// The base in another precision.
pub(super) fn base_in(dtype: DType) -> Base {
    base_loaded(&Loading { dtype, ..Loading::f32() })
}

/// The base, loaded otherwise.
pub(super) fn base_loaded(loading: &Loading) -> Base {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama_tied");
    let read = |name: &str| std::fs::read(dir.join(name)).expect("a fixture");
    let tokenizer = byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string();
    let files = BaseBytes {
        config: &read("config.json"),
        tokenizer: tokenizer.as_bytes(),
        template: b"{}",
        weights: &read("model.safetensors"),
    };
    Base::from_bytes("tiny", &files, loading).expect("a base")
}

/// A task whose answer is always the same letter.
pub(super) fn constant_task(name: &str, answer: &str, prompter: &Prompter) -> TaskData {
    let examples: Vec<Example> = ["ab", "cd", "ef", "gh", "ij"].map(|input| Example::new(input, answer)).into();
    let descriptions = vec![format!("Write {answer}."), format!("Always {answer}.")];
    TaskData::of_examples(name, descriptions, examples.clone(), &examples[..2], prompter).expect("a task")
}
