//! GGUF files against llama.cpp and transformers, on the fixtures that they wrote (`tests/fixtures/gguf`).

use crate::support::{Reference, packed_logits, ready};
use attune::lm::{CachedText, Loading, Products, Quantization, RowAdapters, Weight};
use attune::task::{Base, BaseFiles};
use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use std::path::{Path, PathBuf};

const CASES: [&str; 8] = ["llama", "llama3", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "phi3_longrope"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf").join(name)
}

/// The largest difference over the largest value.
fn distance(found: &Tensor, expected: &Tensor) -> f32 {
    let largest =
        |t: &Tensor| t.abs().and_then(|t| t.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("a float tensor");
    largest(&(found - expected).expect("same shapes")) / largest(expected)
}

#[test]
fn a_quantised_file_gives_the_logits_of_transformers_on_its_own_numbers() {
    for case in CASES {
        let base = Base::load(
            &BaseFiles::from_gguf(&fixture(&format!("{case}.q8_0.gguf"))).expect("a GGUF file"),
            &Loading::f32(),
        )
        .expect("a base");
        let reference = Reference::load(&fixture(&format!("{case}.reference.safetensors")));
        let rows: Vec<u32> = reference.tokens("rows");
        let rows = Tensor::new(rows.as_slice(), &Device::Cpu).expect("rows");
        let all = packed_logits(base.model(), &reference.tokens("tokens"), &RowAdapters::none());
        let found = all.index_select(&rows, 0).expect("rows");
        let own = distance(&found, &reference.logits("logits_f32"));
        let theirs = distance(&reference.logits("logits_llama_q8"), &reference.logits("logits_f32"));
        // Both round the activations to 8 bits for a product; the error may be a little larger by chance, not by kind.
        assert!(own <= theirs * 1.25, "{case}: {own} from f32, llama.cpp {theirs}");
        let exact = distance(&found, &reference.logits("logits_dequantized"));
        assert!(exact <= theirs * 1.25, "{case}: {exact} from the file's own numbers");
    }
}

#[test]
fn products_in_blocks_token_by_token_stay_within_llama_cpps_error() {
    for case in CASES {
        let files = BaseFiles::from_gguf(&fixture(&format!("{case}.q8_0.gguf"))).expect("a GGUF file");
        let base = Base::load(&files, &Loading::f32()).expect("a base");
        let reference = Reference::load(&fixture(&format!("{case}.reference.safetensors")));
        let (tokens, rows) = (reference.tokens("tokens"), reference.tokens("rows"));
        let mut text = CachedText::new(base.model(), tokens.len(), None).expect("memory");
        let mut found = Vec::new();
        for (position, token) in tokens.iter().enumerate() {
            let logits = text.read(&[*token], Products::Blocks).expect("a step");
            if rows.contains(&(position as u32)) {
                found.push(Tensor::from_vec(logits.clone(), (1, logits.len()), &Device::Cpu).expect("a row"));
            }
        }
        let found = Tensor::cat(&found, 0).expect("rows");
        let own = distance(&found, &reference.logits("logits_f32"));
        let theirs = distance(&reference.logits("logits_llama_q8"), &reference.logits("logits_f32"));
        assert!(own <= theirs * 1.25, "{case}: {own} from f32, llama.cpp {theirs}");
    }
}

#[test]
fn the_stored_numbers_are_read_exactly() {
    // With the quantised weights as plain numbers nothing is rounded any more, so only reading is measured.
    for case in CASES {
        let files = BaseFiles::from_gguf(&fixture(&format!("{case}.q8_0.gguf"))).expect("a GGUF file");
        let attune::task::Weights::Gguf(weights) = files.weights() else { panic!("{case}: no GGUF") };
        let loading = Loading::f32();
        let source = Dequantised(attune::lm::GgufSource { weights, loading: &loading });
        let model = attune::lm::Model::load(files.config(), &source).expect("a model");
        let reference = Reference::load(&fixture(&format!("{case}.reference.safetensors")));
        for (tokens, logits) in [("tokens", "logits_dequantized"), ("tokens_short", "logits_dequantized_short")] {
            if !reference.has(tokens) || !reference.has(logits) {
                continue;
            }
            let tokens = reference.tokens(tokens);
            let key = if logits.ends_with("short") { "rows_short" } else { "rows" };
            let rows = if reference.has(key) { reference.tokens(key) } else { reference.tokens("rows") };
            let rows: Vec<u32> = rows.into_iter().filter(|row| (*row as usize) < tokens.len()).collect();
            let rows = Tensor::new(rows.as_slice(), &Device::Cpu).expect("rows");
            let found = packed_logits(&model, &tokens, &RowAdapters::none()).index_select(&rows, 0).expect("rows");
            let off = distance(&found, &reference.logits(logits));
            assert!(off < 1e-4, "{case} {logits}: off by {off:e}");
        }
    }
}

/// The same weights as plain f32 numbers.
struct Dequantised<'a>(attune::lm::GgufSource<'a>);

impl attune::lm::WeightSource for Dequantised<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, attune::lm::Error> {
        self.0.tensor(name, shape)
    }
}

#[test]
fn its_tokenizer_gives_the_ids_of_llama_cpp() {
    for case in CASES {
        let base = Base::load(
            &BaseFiles::from_gguf(&fixture(&format!("{case}.q8_0.gguf"))).expect("a GGUF file"),
            &Loading::f32(),
        )
        .expect("a base");
        let expected: Value =
            serde_json::from_slice(&std::fs::read(fixture(&format!("{case}.tokens.json"))).expect("ids"))
                .expect("JSON");
        let texts = expected.as_array().or(expected["texts"].as_array()).expect("a list").clone();
        let mut compared = 0;
        for entry in texts.iter().filter(|entry| entry["as_transformers"] != Value::Bool(false)) {
            let text = entry["text"].as_str().expect("a text");
            let ids: Vec<u32> = serde_json::from_value(entry["ids_special"].clone()).expect("ids");
            let found = [base.bos(), &base.prompter().tokenizer().encode(text).expect("tokens")].concat();
            assert_eq!(found, ids, "{case}: {text:?}");
            compared += 1;
        }
        assert!(compared > 5, "{case}: only {compared} texts");
    }
}

#[test]
fn quantising_at_load_stays_within_the_blocks_rounding_and_takes_their_memory() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families/mistral");
    let plain = crate::support::family_model(&dir, "config.json");
    let reference = Reference::load(&dir.join("reference.safetensors"));
    let checkpoint = attune::lm::Checkpoint::open(&dir).expect("weights");
    let loading = Loading { quantization: Some(Quantization::Q8_0), ..Loading::f32() };
    let source = attune::lm::CheckpointSource { checkpoint: &checkpoint, loading: &loading };
    let model = attune::lm::Model::load(plain.config(), &source).expect("a model");
    let found = packed_logits(&model, &reference.tokens("tokens"), &RowAdapters::none());
    let off = distance(&found, &reference.logits("logits_base"));
    assert!(off < 0.1, "off by {off}");
    let share = model.weight_bytes() as f64 / plain.weight_bytes() as f64;
    assert!(share < 0.3, "{share} of f32");
    let adapter = attune::lora::read_peft_directory(&dir.join("adapters/all"), &plain.config().shape(), &Device::Cpu);
    let error = model.merged(&ready(&adapter.expect("an adapter")), 1.0).expect_err("quantised").to_string();
    assert!(error.contains("quantised"), "{error}");
    // Rows that no block fits stay plain.
    let odd = Tensor::zeros((4, 33), DType::F32, &Device::Cpu).expect("a matrix");
    assert!(matches!(Weight::quantised(&odd, Quantization::Q4k), Ok(Weight::Dense(_))));
}
