//! The model's configuration: the file as Hugging Face writes it, and the resolved form.

mod family;
mod file;
mod lora_target;
mod resolved;
mod rope;

pub use family::Family;
pub use file::{FileConfig, token_ids};
pub use resolved::{Activation, Biases, Config, LayerKind};
pub use rope::{RopeConfig, RopeScaling};

/// SmolLM2-135M's shape, for tests of what is computed from a shape.
#[cfg(test)]
pub(crate) fn smollm2_135m() -> Config {
    FileConfig {
        vocab_size: 49_152,
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: Some(3),
        tie_word_embeddings: Some(true),
        ..FileConfig::default()
    }
    .resolve()
    .expect("valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(extra: &str) -> FileConfig {
        let text = format!(
            r#"{{"vocab_size":8,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":2,
            "num_attention_heads":2{extra}}}"#
        );
        serde_json::from_str(&text).expect("a literal")
    }

    #[test]
    fn both_spellings_of_the_rope_keys_resolve_alike() {
        let old = file(r#","rope_theta":5e5,"rope_scaling":{"rope_type":"linear","factor":2.0}"#);
        let new = file(r#","rope_parameters":{"rope_type":"linear","factor":2.0,"rope_theta":5e5}"#);
        assert_eq!(old.resolve().expect("valid"), new.resolve().expect("valid"));
        assert_eq!(old.resolve().expect("valid").ropes[0].theta, 5e5);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (extra, name) in [
            (r#","rope_scaling":{"type":"spiral"}"#, "spiral"),
            (r#","model_type":"gpt_neox""#, "gpt_neox"),
            (r#","hidden_act":"relu2""#, "relu2"),
            (r#","quantization_config":{"quant_method":"gptq","bits":4}"#, "gptq"),
            (r#","model_type":"qwen2","layer_types":["full_attention","linear_attention"]"#, "linear_attention"),
        ] {
            let error = file(extra).resolve().expect_err("unknown").to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for extra in [
            r#","num_key_value_heads":3"#,
            r#","head_dim":3"#,
            r#","rope_theta":0"#,
            r#","rope_scaling":{"type":"linear","factor":-1}"#,
            r#","model_type":"phi3","rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[1]}"#,
            r#","max_position_embeddings":99999999999"#,
            r#","head_dim":16777216"#,
        ] {
            assert!(file(extra).resolve().is_err(), "{extra}");
        }
    }

    #[test]
    fn windows_alternate_as_each_family_has_it() {
        let windows = |extra: &str| -> Vec<bool> {
            let config = file(extra).resolve().expect("valid");
            config.layer_kinds.iter().map(|kind| kind.window.is_some()).collect()
        };
        assert_eq!(windows(r#","model_type":"mistral","sliding_window":4"#), [true, true]);
        assert_eq!(windows(r#","model_type":"mistral","sliding_window":null"#), [false, false]);
        assert_eq!(windows(r#","model_type":"gemma2","sliding_window":4"#), [true, false]);
        assert_eq!(windows(r#","model_type":"gemma3_text","sliding_window_pattern":2"#), [true, false]);
        assert_eq!(windows(r#","model_type":"qwen2","sliding_window":4,"use_sliding_window":false"#), [false, false]);
        let qwen = r#","model_type":"qwen2","sliding_window":4,"use_sliding_window":true,"max_window_layers":1"#;
        assert_eq!(windows(qwen), [false, true]);
    }
}
