//! A GGUF file of any bytes: its header, and the configuration and tokenizer that are made of it.
#![no_main]

use attune::lm::gguf::GgufFile;
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = GgufFile::parse(Cursor::new(data), data.len() as u64) else { return };
    for tensor in file.tensors() {
        assert!(tensor.offset + tensor.bytes as u64 <= data.len() as u64);
    }
    let _ = (file.config(), file.tokenizer(), file.special(), file.chat_template());
});
