//! A configuration of any bytes beside good weights, and weights of any bytes beside a good configuration.
#![no_main]

use attune::lora::{Adapter, BaseShape, Module, PeftFiles, Projections, SharedA, read_peft, write_peft};
use candle_core::{DType, Device, Tensor};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

const BASE: BaseShape =
    BaseShape { layers: 2, hidden: 4, intermediate: 6, query: 4, kv: 2, projections: Projections::Separate };

fuzz_target!(|data: &[u8]| {
    static GOOD: OnceLock<PeftFiles> = OnceLock::new();
    let good = GOOD.get_or_init(good_files);
    for files in [
        PeftFiles { config: data.to_vec(), weights: good.weights.clone() },
        PeftFiles { config: good.config.clone(), weights: data.to_vec() },
    ] {
        if let Ok(adapter) = read_peft(&files, &BASE, &Device::Cpu) {
            let written = write_peft(&adapter, "base").expect("what was read can be written");
            read_peft(&written, &BASE, &Device::Cpu).expect("what was written can be read");
        }
    }
});

fn good_files() -> PeftFiles {
    let layout = BASE.layout(&[Module::QProj, Module::DownProj], 2);
    let shared = SharedA::random(layout.clone(), 0, &Device::Cpu).expect("A0");
    let b = Tensor::ones(layout.b_len(), DType::F32, &Device::Cpu).expect("B");
    write_peft(&Adapter::over(&shared, &b, 4.0).expect("an adapter"), "base").expect("files")
}
