//! An archive of any bytes.
#![no_main]

use attune::lora::read_archive;
use libfuzzer_sys::fuzz_target;

/// What an archive may unpack to, in bytes.
const LIMIT: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    if let Ok(files) = read_archive(data, LIMIT) {
        assert!((files.config.len() + files.weights.len()) as u64 <= LIMIT);
    }
});
