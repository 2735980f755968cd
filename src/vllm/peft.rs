//! An adapter's files as vLLM reads them.

use super::Error;
use crate::lora::PeftFiles;
use serde_json::{Map, Value};

/// Keys whose contents vLLM passes over without a word: the adapter would be another.
const PASSED_OVER: [&str; 2] = ["rank_pattern", "alpha_pattern"];
/// Names the base. vLLM's resolver takes an adapter only where this is what it calls its own.
const BASE: &str = "base_model_name_or_path";

/// The files with the base's name as vLLM has it.
///
/// # Errors
/// [`Error::Adapter`] names what vLLM would not apply.
pub(super) fn for_vllm(files: PeftFiles, base: &str) -> Result<PeftFiles, Error> {
    let unreadable = |e: serde_json::Error| Error::Adapter { reason: format!("its configuration is damaged: {e}") };
    let mut config: Map<String, Value> = serde_json::from_slice(&files.config).map_err(unreadable)?;
    let is_set = |key: &&&str| config.get(**key).and_then(Value::as_object).is_some_and(|pattern| !pattern.is_empty());
    if let Some(key) = PASSED_OVER.iter().find(is_set) {
        let reason = format!("it has {key}, which vLLM would pass over; --engine local applies it");
        return Err(Error::Adapter { reason });
    }
    config.insert(BASE.to_owned(), base.into());
    let config = serde_json::to_vec_pretty(&config).map_err(unreadable)?;
    Ok(PeftFiles { config, ..files })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn files(config: Value) -> PeftFiles {
        PeftFiles { config: config.to_string().into_bytes(), weights: vec![1, 2] }
    }

    #[test]
    fn the_base_is_named_as_vllm_calls_it_and_the_rest_stays() {
        let config = json!({ "r": 2, "base_model_name_or_path": "mine", "rank_pattern": {}, "alpha_pattern": null });
        let written = for_vllm(files(config), "org/base").unwrap();
        let config: Value = serde_json::from_slice(&written.config).unwrap();
        assert_eq!((&config["base_model_name_or_path"], &config["r"]), (&json!("org/base"), &json!(2)));
        assert_eq!(written.weights, [1, 2]);
    }

    #[test]
    fn what_vllm_would_pass_over_is_refused_by_its_name() {
        for key in PASSED_OVER {
            let mut config = json!({ "r": 2 });
            config[key] = json!({ "q_proj": 4 });
            assert!(for_vllm(files(config), "b").unwrap_err().to_string().contains(key));
        }
    }
}
