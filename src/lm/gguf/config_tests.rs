use crate::lm::gguf::test_file::{Entry, TestFile, texts};
use serde_json::{Value, json};

/// The keys that every family has, of a small model.
fn model(architecture: &str) -> TestFile {
    let key = |suffix: &str| format!("{architecture}.{suffix}");
    TestFile::new(architecture)
        .with(&key("embedding_length"), 64)
        .with(&key("feed_forward_length"), 128)
        .with(&key("block_count"), 6)
        .with(&key("attention.head_count"), 4)
        .with(&key("attention.head_count_kv"), 2)
        .with(&key("attention.layer_norm_rms_epsilon"), 1e-5f32)
        .with(&key("context_length"), 4096)
        .with(&key("rope.freq_base"), 1e6f32)
        .with("tokenizer.ggml.model", "llama")
        .with("tokenizer.ggml.tokens", texts(&["<unk>", "<s>", "</s>", "a"]))
        .tensor("token_embd.weight", &[64, 4])
}

fn config(file: &TestFile) -> Value {
    file.parse().expect("a good file").config().expect("a good model")
}

fn refusal(file: &TestFile) -> String {
    file.parse().expect("a good file").config().expect_err("a model that must be refused").to_string()
}

/// Compares the keys of `expected` alone.
fn assert_has(config: &Value, expected: Value) {
    for (key, value) in expected.as_object().expect("a table") {
        assert_eq!(config[key], *value, "{key}");
    }
}

#[test]
fn llama_has_the_keys_that_transformers_writes() {
    assert_eq!(
        config(&model("llama")),
        json!({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 4, "hidden_size": 64,
            "intermediate_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2,
            "head_dim": 16, "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
            "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false, "bos_token_id": 1,
            "eos_token_id": [2], "rope_theta": 1e6, "rope_scaling": null
        })
    );
}

#[test]
fn output_layers_biases_and_heads_are_told_by_tensors_and_keys() {
    let file = model("llama").tensor("output.weight", &[64, 4]).tensor("blk.0.attn_q.bias", &[64]);
    let file = file.with("llama.attention.key_length", 32).with("llama.attention.value_length", 32);
    let expected = json!({"tie_word_embeddings": false, "attention_bias": true, "head_dim": 32});
    assert_has(&config(&file), expected);
    // Qwen 2's biases are its own.
    let qwen = model("qwen2").tensor("blk.0.attn_q.bias", &[64]);
    assert_has(&config(&qwen), json!({"model_type": "qwen2", "attention_bias": false, "use_sliding_window": false}));
    let each = model("llama").with("llama.attention.head_count_kv", Entry::U32s(vec![2; 6]));
    assert_has(&config(&each), json!({"num_key_value_heads": 2}));
}

#[test]
fn gemma_2_has_caps_a_window_and_its_own_scale() {
    let file = model("gemma2")
        .with("gemma2.attn_logit_softcapping", 50.0)
        .with("gemma2.final_logit_softcapping", 30.0)
        .with("gemma2.attention.key_length", 32)
        .with("gemma2.attention.value_length", 32);
    let types = ["sliding_attention", "full_attention"].repeat(3);
    let expected = json!({
        "model_type": "gemma2", "hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0, "sliding_window": 4096, "query_pre_attn_scalar": 32, "layer_types": types
    });
    assert_has(&config(&file), expected);
    let large = config(&file.with("gemma2.block_count", 46));
    assert_has(&large, json!({"query_pre_attn_scalar": 16, "head_dim": 32}));
}

#[test]
fn gemma_3_has_two_bases_and_every_sixth_layer_sees_everything() {
    let file = model("gemma3").with("gemma3.attention.sliding_window", 512);
    let file = file.with("gemma3.rope.scaling.type", "linear").with("gemma3.rope.scaling.factor", 8.0);
    let mut types = vec!["sliding_attention"; 5];
    types.push("full_attention");
    let expected = json!({
        "model_type": "gemma3_text", "rope_theta": 1e6, "rope_local_base_freq": 10000.0, "sliding_window": 512,
        "sliding_window_pattern": 6, "layer_types": types, "query_pre_attn_scalar": 16,
        "attn_logit_softcapping": null, "rope_scaling": {"rope_type": "linear", "factor": 8.0}
    });
    assert_has(&config(&file), expected);
    let flags = vec![true, false, true, false, true, false];
    let file = file.with("gemma3.attention.sliding_window_pattern", Entry::Flags(flags));
    assert_has(&config(&file), json!({"layer_types": (["sliding_attention", "full_attention"].repeat(3))}));
    let file = file.with("gemma3.attention.sliding_window_pattern", Entry::Flags(vec![true]));
    assert!(refusal(&file).contains("one entry for each layer"));
    assert_has(&config(&model("gemma3")), json!({"layer_types": vec!["full_attention"; 6]}));
}

#[test]
fn phi_3_has_a_window_a_share_of_rope_and_longrope_in_tensors() {
    let file = model("phi3").with("phi3.rope.dimension_count", 12).with("phi3.attention.sliding_window", 2047);
    assert_has(&config(&file), json!({"model_type": "phi3", "partial_rotary_factor": 0.75, "sliding_window": 2047}));
    assert_has(&config(&model("phi3").with("phi3.attention.sliding_window", 0)), json!({"sliding_window": null}));
    let file = model("phi3")
        .with("phi3.rope.scaling.original_context_length", 1024)
        .with("phi3.rope.scaling.attn_factor", 1.25)
        .tensor("rope_factors_short.weight", &[8]);
    assert!(refusal(&file).contains("needs rope_factors_long.weight"));
    let file = file.tensor("rope_factors_long.weight", &[8]);
    let table = json!({"rope_type": "longrope_tensors", "attn_factor": 1.25, "original_max_position_embeddings": 1024});
    assert_has(&config(&file), json!({"rope_scaling": table}));
}

#[test]
fn scalings_of_rope_are_those_of_llama_cpp() {
    let scaled = |kind: &str| model("qwen3").with("qwen3.rope.scaling.type", kind);
    assert_has(&config(&scaled("none").with("qwen3.rope.scaling.factor", 4.0)), json!({"rope_scaling": null}));
    let file = scaled("yarn")
        .with("qwen3.rope.scaling.factor", 4.0)
        .with("qwen3.rope.scaling.original_context_length", 1024)
        .with("qwen3.rope.scaling.yarn_beta_fast", 24.0);
    let table =
        json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "beta_fast": 24.0});
    assert_has(&config(&file), json!({"rope_scaling": table}));
    let old = model("llama").with("llama.rope.scale_linear", 2.0);
    assert_has(&config(&old), json!({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}));
    assert!(refusal(&scaled("spiral")).contains("unsupported rope.scaling.type: spiral"));
    assert!(refusal(&scaled("longrope")).contains("rope_factors_short.weight"));

    let divisors = model("llama").tensor("rope_freqs.weight", &[8]);
    assert_has(&config(&divisors), json!({"rope_scaling": {"rope_type": "factors"}}));
    assert!(refusal(&model("llama").tensor("rope_freqs.weight", &[7])).contains("one F32 for each frequency"));
    assert!(refusal(&divisors.with("llama.rope.scaling.factor", 2.0)).contains("only one is supported"));
}

#[test]
fn a_share_of_rope_gives_the_same_coordinates_again() {
    for head_dim in (2..=512usize).step_by(2) {
        for turned in (2..head_dim).step_by(2) {
            let share = crate::lm::gguf::rope::share(turned, head_dim);
            assert_eq!((head_dim as f64 * share) as usize, turned, "{turned} of {head_dim}");
        }
    }
}

#[test]
fn what_is_not_known_is_named() {
    let unknown = refusal(&TestFile::new("mamba"));
    assert!(unknown.contains("unsupported architecture: mamba (known: llama, qwen2, qwen3, gemma2, gemma3, phi3)"));
    assert!(refusal(&model("llama").with("llama.expert_count", 8)).contains("mixture of experts"));
    assert!(refusal(&model("llama").with("general.type", "adapter")).contains("unsupported general.type: adapter"));
    assert!(refusal(&model("llama").with("split.count", 2)).contains("split over several files"));
    assert!(refusal(&model("llama").without("general.architecture")).contains("general.architecture is missing"));
}

#[test]
fn values_that_cannot_be_are_refused_by_their_keys() {
    let with = |suffix: &str, entry: Entry| {
        let key = format!("llama.{suffix}");
        let refusal = refusal(&model("llama").with(&key, entry));
        assert!(refusal.contains(&key), "{refusal}");
    };
    for suffix in ["embedding_length", "feed_forward_length", "context_length"] {
        with(suffix, Entry::U32((1 << 24) + 1));
        with(suffix, Entry::U32(0));
    }
    with("block_count", Entry::U32(4097));
    with("block_count", Entry::from("many"));
    with("attention.head_count", Entry::U32(0));
    with("attention.head_count_kv", Entry::U32(3));
    with("attention.head_count_kv", Entry::U32s(vec![1, 2]));
    with("attention.head_count_kv", Entry::U32s(vec![]));
    with("attention.value_length", Entry::U32(8));
    with("attention.layer_norm_rms_epsilon", Entry::F32(0.0));
    with("attention.layer_norm_rms_epsilon", Entry::F32(f32::NAN));
    with("rope.freq_base", Entry::F32(-1.0));
    with("rope.dimension_count", Entry::U32(18));
    with("rope.dimension_count", Entry::U32(3));
    with("rope.scaling.factor", Entry::F32(f32::INFINITY));
    with("rope.scaling.factor", Entry::F32(-2.0));
    with("rope.scaling.type", Entry::U32(2));
    let many = model("llama").with("tokenizer.ggml.tokens", texts(&["a", "b", "c", "d", "e"]));
    assert!(refusal(&many).contains("more tokens than the embedding has rows"));
}
