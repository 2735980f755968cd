//! Every family against transformers and peft, on the fixtures that they wrote (`tests/fixtures/families`).
//!
//! Texts are longer than every window and, where a scaling has one, than the original context.

use crate::support::{Reference, assert_close, family_model, one_row, packed_logits, ready};
use attune::lm::sampling::argmax;
use attune::lm::{CachedText, Model, Products, RowAdapters};
use attune::lora::{Adapter, read_peft_directory};
use candle_core::{DType, Device, Tensor};
use std::path::Path;

/// The largest difference, relative to the largest logit.
const TOLERANCE: f32 = 1e-4;

/// A folder, its configuration and its references.
const FAMILIES: [(&str, &str, &str); 16] = [
    ("mistral", "config.json", "reference"),
    ("qwen2", "config.json", "reference"),
    ("qwen3", "config.json", "reference"),
    ("gemma2", "config.json", "reference"),
    ("gemma3_text", "config.json", "reference"),
    ("gemma3_text", "config_old.json", "reference"),
    ("phi3", "config.json", "reference"),
    ("phi3_longrope", "config.json", "reference"),
    ("phi3_longrope", "config_old.json", "reference"),
    ("llama_rope", "config_linear.json", "reference_linear"),
    ("llama_rope", "config_linear_old.json", "reference_linear"),
    ("llama_rope", "config_dynamic.json", "reference_dynamic"),
    ("llama_rope", "config_yarn.json", "reference_yarn"),
    ("llama_rope", "config_yarn_old.json", "reference_yarn"),
    ("llama_rope", "config_yarn_mscale.json", "reference_yarn_mscale"),
    ("llama_rope", "config_theta.json", "reference_theta"),
];

struct Case {
    name: String,
    dir: std::path::PathBuf,
    model: Model,
    reference: Reference,
}

fn cases() -> impl Iterator<Item = Case> {
    FAMILIES.into_iter().map(|(family, config, reference)| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families").join(family);
        Case {
            name: format!("{family}/{config}"),
            model: family_model(&dir, config),
            reference: Reference::load(&dir.join(format!("{reference}.safetensors"))),
            dir,
        }
    })
}

impl Case {
    fn adapter(&self, name: &str) -> Adapter {
        let shape = self.model.config().shape();
        read_peft_directory(&self.dir.join("adapters").join(name), &shape, &Device::Cpu).expect("a PEFT directory")
    }

    /// The model's greedy continuation of the first tokens, through the cache.
    fn greedy(&self, prompt: &[u32], count: usize) -> Vec<u32> {
        let mut text = CachedText::new(&self.model, prompt.len() + count, None).expect("memory").without_horizon();
        let mut next = prompt.to_vec();
        let mut found = Vec::new();
        while found.len() < count {
            found.push(argmax(&text.read(&next, Products::WrittenOut).expect("step")));
            next = vec![found[found.len() - 1]];
        }
        found
    }
}

#[test]
fn logits_agree_with_transformers_beyond_window_and_context() {
    for case in cases() {
        let tokens = case.reference.tokens("tokens");
        let found = packed_logits(&case.model, &tokens, &RowAdapters::none());
        assert_close(&found, &case.reference.logits("logits_base"), TOLERANCE, &case.name);
    }
}

#[test]
fn logits_of_an_adapter_on_all_linear_layers_agree_with_peft() {
    for case in cases() {
        let tokens = case.reference.tokens("tokens");
        let adapter = case.adapter("all");
        let found = packed_logits(&case.model, &tokens, &one_row(&adapter, 1.0));
        assert_close(&found, &case.reference.logits("logits_all"), TOLERANCE, &case.name);
        let merged = case.model.merged(&ready(&adapter), 1.0).expect("merge");
        let found = packed_logits(&merged, &tokens, &RowAdapters::none());
        assert_close(&found, &case.reference.logits("logits_all"), TOLERANCE, &format!("{} merged", case.name));
    }
}

#[test]
fn cached_decoding_in_chunks_gives_the_logits_of_the_whole_text() {
    for case in cases() {
        let tokens = case.reference.tokens("tokens");
        let adapter = case.adapter("all");
        let ready = ready(&adapter);
        let mut text = CachedText::new(&case.model, tokens.len(), Some((&ready, 1.0))).expect("memory");
        // A long chunk, two short ones that cross the window, then token by token.
        let cuts = [0, 20, 27, 33].into_iter().chain(34..=tokens.len()).collect::<Vec<_>>();
        for cut in cuts.windows(2) {
            let found = text.read(&tokens[cut[0]..cut[1]], Products::WrittenOut).expect("step");
            let found = Tensor::from_vec(found.clone(), (1, found.len()), &Device::Cpu).expect("a row");
            let expected = case.reference.logits("logits_all").narrow(0, cut[1] - 1, 1).expect("a token");
            assert_close(&found, &expected, TOLERANCE, &format!("{} after {} tokens", case.name, cut[1]));
        }
    }
}

#[test]
fn greedy_text_is_that_of_transformers() {
    for case in cases() {
        // transformers drops its cache where long-rope's other frequencies begin, so that one starts beyond.
        let (prompt, key) = if case.dir.ends_with("phi3_longrope") { (36, "greedy_long") } else { (20, "greedy") };
        let expected = case.reference.tokens(key);
        let tokens = case.reference.tokens("tokens");
        assert_eq!(case.greedy(&tokens[..prompt], expected.len()), expected, "{}", case.name);
    }
}

#[test]
fn short_texts_keep_the_frequencies_of_short_texts() {
    for case in cases().filter(|case| case.reference.has("tokens_short")) {
        let tokens = case.reference.tokens("tokens_short");
        let found = packed_logits(&case.model, &tokens, &RowAdapters::none());
        assert_close(&found, &case.reference.logits("logits_short"), TOLERANCE, &case.name);
    }
}

#[test]
fn other_forms_of_peft_adapters_agree_with_peft() {
    let case = cases().find(|case| case.name.starts_with("qwen2")).expect("a fixture");
    let tokens = case.reference.tokens("tokens");
    for name in ["layers", "patterns", "bf16", "f16"] {
        let found = packed_logits(&case.model, &tokens, &one_row(&case.adapter(name), 1.0));
        assert_close(&found, &case.reference.logits(&format!("logits_{name}")), TOLERANCE, name);
    }
}

#[test]
fn adapters_of_other_methods_are_refused_by_name() {
    let case = cases().find(|case| case.name.starts_with("qwen2")).expect("a fixture");
    let refused = case.dir.parent().expect("families").join("refused");
    let mut seen = 0;
    for entry in std::fs::read_dir(refused).expect("fixtures") {
        let dir = entry.expect("an entry").path();
        let name = dir.file_name().expect("a name").to_string_lossy().into_owned();
        let error = read_peft_directory(&dir, &case.model.config().shape(), &Device::Cpu).expect_err(&name).to_string();
        let word = match name.as_str() {
            "lora_bias" => "lora_bias",
            "layer_replication" => "layer_replication",
            _ => "peft_type",
        };
        assert!(error.contains(word), "{name}: {error}");
        seen += 1;
    }
    assert!(seen >= 4, "{seen} refused adapters");
}

#[test]
fn half_precision_stays_near_full_precision() {
    for case in cases() {
        let tokens = case.reference.tokens("tokens");
        let half =
            crate::support::family_model_in(&case.dir, case.name.split('/').nth(1).expect("a file"), DType::BF16);
        let found = packed_logits(&half, &tokens, &RowAdapters::none()).to_dtype(DType::F32).expect("cast");
        assert_close(&found, &case.reference.logits("logits_base"), 0.1, &case.name);
    }
}
