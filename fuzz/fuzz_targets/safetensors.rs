//! A checkpoint of any bytes, and every tensor of it.
#![no_main]

use attune::lm::Checkpoint;
use candle_core::DType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(checkpoint) = Checkpoint::from_bytes(data.to_vec()) else { return };
    for name in checkpoint.names() {
        let info = checkpoint.info(name).expect("a listed tensor");
        assert!(info.bytes <= data.len(), "{name} is longer than the file");
        checkpoint.read(name).expect("the header was checked");
        let _ = checkpoint.tensor(name, &info.shape, DType::F32);
    }
    let _ = checkpoint.main_dtype();
});
