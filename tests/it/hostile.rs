//! Base files that are damaged, cut short or made to harm: an error that says what is wrong, and no large allocation.

use attune::lm::{Checkpoint, Loading, Tokenizer, byte_level_tokenizer_json};
use attune::task::{Base, BaseBytes, BaseFiles};
use std::path::Path;

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(dir.join(name)).expect("a fixture")
}

/// A safetensors file of this header over so many bytes of data.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

fn refused(bytes: Vec<u8>, word: &str) {
    let error = Checkpoint::from_bytes(bytes).map(|_| ()).expect_err(word).to_string();
    assert!(error.contains(word), "{error}");
}

#[test]
fn a_weight_file_that_lies_about_itself_is_refused() {
    refused(Vec::new(), "too short");
    refused([&(1u64 << 60).to_le_bytes()[..], b"{}"].concat(), "header");
    refused(safetensors("not json", 4), "header");
    let tensor = |name: &str, shape: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let both = |a: &str, b: &str| format!("{{{a},{b}}}");
    let overlapping = both(&tensor("a", "[2]", 0, 8), &tensor("b", "[2]", 4, 12));
    refused(safetensors(&overlapping, 12), "damaged");
    let gap = both(&tensor("a", "[2]", 0, 8), &tensor("b", "[2]", 16, 24));
    refused(safetensors(&gap, 24), "damaged");
    refused(safetensors(&format!("{{{}}}", tensor("a", "[4294967296,4294967296]", 0, 8)), 8), "damaged");
    refused(safetensors(&format!("{{{}}}", tensor("a", "[1000]", 0, 8)), 8), "damaged");
    refused(safetensors(&format!("{{{}}}", tensor("a", "[1099511627776]", 0, 4398046511104)), 8), "download whole");
}

#[test]
fn a_weight_file_that_is_cut_anywhere_is_refused() {
    let whole = fixture("llama_tied/model.safetensors");
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        assert!(Checkpoint::from_bytes(whole[..length].to_vec()).is_err(), "{length} bytes");
    }
}

#[test]
fn shards_outside_the_directory_and_missing_ones_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let index = |shard: &str| {
        let text = format!(r#"{{"weight_map": {{"model.norm.weight": "{shard}"}}}}"#);
        std::fs::write(dir.path().join("model.safetensors.index.json"), text).expect("write");
        Checkpoint::open(dir.path()).map(|_| ()).expect_err(shard).to_string()
    };
    assert!(index("../secret.safetensors").contains("not a file of the directory"));
    assert!(index("/etc/passwd").contains("not a file of the directory"));
    assert!(index("model-00001-of-00002.safetensors").contains("model-00001-of-00002"));
}

fn base(config: &str, tokenizer: &str, weights: &[u8]) -> Result<Base, String> {
    let files = BaseBytes { config: config.as_bytes(), tokenizer: tokenizer.as_bytes(), template: b"{}", weights };
    let files = BaseFiles::from_bytes("hostile", &files).map_err(|e| e.to_string())?;
    Base::load(&files, &Loading::f32()).map_err(|e| e.to_string())
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused() {
    let config = String::from_utf8(fixture("llama_tied/config.json")).expect("text");
    let weights = fixture("llama_tied/model.safetensors");
    let fits = byte_level_tokenizer_json(&["<bos>", "<eos>"]);
    assert!(base(&config, &fits.to_string(), &weights).is_ok());
    // Ids beyond the embeddings.
    let many: Vec<String> = (0..10).map(|i| format!("<extra{i}>")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let more = base(&config, &byte_level_tokenizer_json(&many).to_string(), &weights).expect("tokens nobody needs");
    let error = more.prompter().question("a <extra9> b").expect_err("no such embedding").to_string();
    assert!(error.contains("token 265") && error.contains("260"), "{error}");
    // Merges of tokens that are not there.
    let mut broken = fits.clone();
    broken["model"]["merges"] = serde_json::json!([["zzz", "yyy"]]);
    assert!(base(&config, &broken.to_string(), &weights).expect_err("no such tokens").contains("tokenizer"));
    for damaged in ["", "{}", "[1,2", r#"{"model": {"type": "Spell"}}"#] {
        assert!(Tokenizer::from_bytes(damaged.as_bytes()).is_err(), "{damaged}");
    }
    // Ids with gaps: what has no token decodes to nothing.
    let tokenizer = Tokenizer::from_bytes(fits.to_string().as_bytes()).expect("a tokenizer");
    assert_eq!(tokenizer.decode(&[104, 105, 999]).expect("known and unknown"), "hi");
}

#[test]
fn a_configuration_that_asks_for_more_than_the_weights_hold_names_the_tensor() {
    let tokenizer = byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string();
    let weights = fixture("llama_tied/model.safetensors");
    let config: serde_json::Value = serde_json::from_slice(&fixture("llama_tied/config.json")).expect("JSON");
    for (key, value, word) in [
        ("num_hidden_layers", 4000, "model.layers.2."),
        ("hidden_size", 64, "shape"),
        ("intermediate_size", 16_000_000, "shape"),
        ("vocab_size", 16_000_000, "shape"),
        ("num_attention_heads", 0, "num_attention_heads"),
    ] {
        let mut asked = config.clone();
        asked[key] = value.into();
        let error = base(&asked.to_string(), &tokenizer, &weights).expect_err(key);
        assert!(error.contains(word), "{key}: {error}");
    }
}
