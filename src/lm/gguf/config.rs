//! A model's `config.json` from its metadata.

use super::names::Architecture;
use super::rope::Rope;
use super::tokenizer::TOKENS;
use super::{Error, GgufFile, Metadata, Transform};
use serde_json::{Map, Value, json};

/// The largest width, vocabulary or context that is believed.
const MAX_WIDTH: u64 = 1 << 24;
/// The largest number of layers or heads that is believed.
const MAX_COUNT: u64 = 4096;
/// Gemma 2's window where the file does not say.
const GEMMA2_WINDOW: usize = 4096;

/// The metadata, and the prefix of the family's keys.
pub(super) struct Keys<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) architecture: Architecture,
}

/// The sizes that every family has.
pub(super) struct Sizes {
    vocab: usize,
    pub(super) hidden: usize,
    intermediate: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) context: usize,
}

pub(super) fn config(file: &GgufFile) -> Result<Value, Error> {
    let metadata = file.metadata();
    check_whole_model(metadata)?;
    let keys = Keys { metadata, architecture: file.architecture()? };
    let sizes = Sizes::read(file, &keys)?;
    let mut config = common(file, &keys, &sizes)?;
    Rope::read(file, &keys, &sizes)?.write(&mut config);
    match keys.architecture {
        Architecture::Gemma2 => gemma2(&keys, &sizes, &mut config)?,
        Architecture::Gemma3 => gemma3(&keys, &sizes, &mut config)?,
        Architecture::Qwen2 | Architecture::Qwen3 => set(&mut config, "use_sliding_window", json!(false)),
        Architecture::Phi3 => {
            let window = keys.size_or("attention.sliding_window", 0)?;
            set(&mut config, "sliding_window", if window > 0 { json!(window) } else { Value::Null });
        }
        Architecture::Llama => {}
    }
    Ok(Value::Object(config))
}

/// What must be undone to a tensor of this name on the hub; nothing where the file does not say how.
pub(super) fn transform(metadata: &Metadata, architecture: Architecture, hf_name: &str) -> Option<Transform> {
    let keys = Keys { metadata, architecture };
    let heads = || keys.size("attention.head_count", MAX_COUNT).ok();
    if architecture == Architecture::Llama && hf_name.contains("self_attn.q_proj.") {
        return Some(Transform::Permuted { heads: heads()? });
    }
    if architecture == Architecture::Llama && hf_name.contains("self_attn.k_proj.") {
        let kv_heads = keys.size_or("attention.head_count_kv", heads()?).ok().filter(|heads| *heads > 0)?;
        return Some(Transform::Permuted { heads: kv_heads });
    }
    let is_gemma_norm = architecture.is_gemma() && hf_name.ends_with("norm.weight");
    Some(if is_gemma_norm { Transform::MinusOne } else { Transform::None })
}

/// Refuses files that hold something else than one whole model.
fn check_whole_model(metadata: &Metadata) -> Result<(), Error> {
    if let Some(kind) = metadata.text("general.type").filter(|kind| *kind != "model") {
        return Err(Error::Unsupported { what: "general.type", value: kind.to_owned(), known: "model".to_owned() });
    }
    if metadata.whole("split.count").is_some_and(|count| count > 1) {
        let problem = "says that the model is split over several files: join them with llama-gguf-split --merge";
        return Err(Error::Key { key: "split.count".to_owned(), problem });
    }
    Ok(())
}

impl Keys<'_> {
    /// `head_count` → `llama.head_count`.
    pub(super) fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture.name())
    }

    pub(super) fn refuse(&self, suffix: &str, problem: &'static str) -> Error {
        Error::Key { key: self.key(suffix), problem }
    }

    /// A whole number. One for each layer will do, if it is always the same.
    pub(super) fn whole(&self, suffix: &str) -> Result<Option<u64>, Error> {
        let key = self.key(suffix);
        if !self.metadata.contains(&key) {
            return Ok(None);
        }
        if let Some(whole) = self.metadata.whole(&key) {
            return Ok(Some(whole));
        }
        let each = self.metadata.wholes(&key).unwrap_or_default();
        match each.first() {
            Some(first) if each.iter().all(|other| other == first) => Ok(Some(*first)),
            _ => Err(self.refuse(suffix, "is no whole number, or differs between layers")),
        }
    }

    /// A number, finite.
    pub(super) fn number(&self, suffix: &str) -> Result<Option<f64>, Error> {
        let key = self.key(suffix);
        match self.metadata.number(&key) {
            Some(number) if number.is_finite() => Ok(Some(number)),
            None if !self.metadata.contains(&key) => Ok(None),
            _ => Err(self.refuse(suffix, "is no finite number")),
        }
    }

    /// A number above 0.
    pub(super) fn positive(&self, suffix: &str) -> Result<Option<f64>, Error> {
        match self.number(suffix)? {
            Some(number) if number <= 0.0 => Err(self.refuse(suffix, "is not above 0")),
            number => Ok(number),
        }
    }

    /// A size from 1 to `limit` that must be there.
    pub(super) fn size(&self, suffix: &str, limit: u64) -> Result<usize, Error> {
        let found = self.whole(suffix)?.ok_or_else(|| self.refuse(suffix, "is missing"))?;
        if found == 0 || found > limit {
            return Err(self.refuse(suffix, "is 0, or larger than any model's"));
        }
        usize::try_from(found).map_err(|_| self.refuse(suffix, "is larger than memory"))
    }

    /// A size that may be absent, and then is `default`; 0 is left to the caller.
    pub(super) fn size_or(&self, suffix: &str, default: usize) -> Result<usize, Error> {
        match self.whole(suffix)? {
            None => Ok(default),
            Some(found) if found > MAX_WIDTH => Err(self.refuse(suffix, "is larger than any model's")),
            Some(found) => usize::try_from(found).map_err(|_| self.refuse(suffix, "is larger than memory")),
        }
    }
}

impl Sizes {
    fn read(file: &GgufFile, keys: &Keys<'_>) -> Result<Self, Error> {
        if keys.size_or("expert_count", 0)? > 0 {
            return Err(keys.refuse("expert_count", "says that this is a mixture of experts, which is not supported"));
        }
        let hidden = keys.size("embedding_length", MAX_WIDTH)?;
        let heads = keys.size("attention.head_count", MAX_COUNT)?;
        let kv_heads = keys.size_or("attention.head_count_kv", heads)?;
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(keys.refuse("attention.head_count_kv", "does not divide the number of heads"));
        }
        // Each of the two has its own default, as llama.cpp has it.
        let head_dim = keys.size_or("attention.key_length", hidden / heads)?;
        if head_dim != keys.size_or("attention.value_length", hidden / heads)? {
            return Err(keys.refuse("attention.value_length", "differs from attention.key_length"));
        }
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(keys.refuse("attention.key_length", "is not an even number above 0"));
        }
        Ok(Self {
            vocab: vocabulary_size(file)?,
            hidden,
            intermediate: keys.size("feed_forward_length", MAX_WIDTH)?,
            layers: keys.size("block_count", MAX_COUNT)?,
            heads,
            kv_heads,
            head_dim,
            context: keys.size("context_length", MAX_WIDTH)?,
        })
    }
}

/// The embedding's rows; where there is no embedding, the tokens.
fn vocabulary_size(file: &GgufFile) -> Result<usize, Error> {
    let tokens = file.metadata().texts(TOKENS).map(<[String]>::len);
    let rows = file.tensor_as_stored("token_embd.weight").map(|tensor| tensor.shape[0]);
    let refuse = |problem| Error::Key { key: TOKENS.to_owned(), problem };
    match (rows, tokens) {
        (Some(rows), Some(tokens)) if tokens > rows => Err(refuse("has more tokens than the embedding has rows")),
        (Some(size), _) | (None, Some(size)) if size > 0 && size as u64 <= MAX_WIDTH => Ok(size),
        (None, None) => Err(refuse("is missing, or is no list of texts")),
        _ => Err(refuse("has no token, or more than any model's")),
    }
}

/// The keys that every family has.
fn common(file: &GgufFile, keys: &Keys<'_>, sizes: &Sizes) -> Result<Map<String, Value>, Error> {
    let suffix = "attention.layer_norm_rms_epsilon";
    let epsilon = keys.positive(suffix)?.ok_or_else(|| keys.refuse(suffix, "is missing"))?;
    let (model_type, class) = match keys.architecture {
        Architecture::Llama => ("llama", "LlamaForCausalLM"),
        Architecture::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
        Architecture::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
        Architecture::Gemma2 => ("gemma2", "Gemma2ForCausalLM"),
        Architecture::Gemma3 => ("gemma3_text", "Gemma3ForCausalLM"),
        Architecture::Phi3 => ("phi3", "Phi3ForCausalLM"),
    };
    let activation =
        if keys.architecture.is_gemma() { ("hidden_activation", "gelu_pytorch_tanh") } else { ("hidden_act", "silu") };
    let special = file.special();
    let has = |name: &str| file.tensor_as_stored(name).is_some();
    let entries = [
        ("model_type", json!(model_type)),
        ("architectures", json!([class])),
        ("vocab_size", json!(sizes.vocab)),
        ("hidden_size", json!(sizes.hidden)),
        ("intermediate_size", json!(sizes.intermediate)),
        ("num_hidden_layers", json!(sizes.layers)),
        ("num_attention_heads", json!(sizes.heads)),
        ("num_key_value_heads", json!(sizes.kv_heads)),
        ("head_dim", json!(sizes.head_dim)),
        (activation.0, json!(activation.1)),
        ("rms_norm_eps", json!(epsilon)),
        ("max_position_embeddings", json!(sizes.context)),
        ("tie_word_embeddings", json!(!has("output.weight"))),
        // Qwen 2 always has its three biases and none on o; its configuration does not mention them.
        ("attention_bias", json!(keys.architecture != Architecture::Qwen2 && has("blk.0.attn_q.bias"))),
        ("mlp_bias", json!(has("blk.0.ffn_down.bias"))),
        ("bos_token_id", json!(special.bos)),
        ("eos_token_id", json!(special.end_of_generation)),
    ];
    Ok(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn gemma2(keys: &Keys<'_>, sizes: &Sizes, config: &mut Map<String, Value>) -> Result<(), Error> {
    // The 27B is told by its layers, as llama.cpp tells it.
    set(config, "query_pre_attn_scalar", json!(query_scalar(sizes, 46)));
    for name in ["attn_logit_softcapping", "final_logit_softcapping"] {
        set(config, name, json!(keys.positive(name)?));
    }
    let window = keys.size_or("attention.sliding_window", GEMMA2_WINDOW)?;
    if window == 0 {
        return Err(keys.refuse("attention.sliding_window", "is 0"));
    }
    set(config, "sliding_window", json!(window));
    set(config, "layer_types", layer_types(keys, sizes, 2)?);
    Ok(())
}

fn gemma3(keys: &Keys<'_>, sizes: &Sizes, config: &mut Map<String, Value>) -> Result<(), Error> {
    set(config, "query_pre_attn_scalar", json!(query_scalar(sizes, 62)));
    set(config, "attn_logit_softcapping", Value::Null);
    set(config, "final_logit_softcapping", json!(keys.positive("final_logit_softcapping")?));
    set(config, "rope_local_base_freq", json!(keys.positive("rope.freq_base_swa")?.unwrap_or(10_000.0)));
    let window = keys.size_or("attention.sliding_window", 0)?;
    if window > 0 {
        set(config, "sliding_window", json!(window));
        set(config, "sliding_window_pattern", json!(keys.whole_pattern(6)));
        set(config, "layer_types", layer_types(keys, sizes, 6)?);
    } else {
        set(config, "layer_types", json!(vec!["full_attention"; sizes.layers]));
    }
    Ok(())
}

impl Keys<'_> {
    /// Every so many layers one sees everything.
    fn whole_pattern(&self, default: u64) -> u64 {
        self.metadata.whole(&self.key("attention.sliding_window_pattern")).unwrap_or(default)
    }
}

fn query_scalar(sizes: &Sizes, layers_of_27b: usize) -> usize {
    if sizes.layers == layers_of_27b { sizes.hidden / sizes.heads } else { sizes.head_dim }
}

/// What each layer sees: by a list of flags, or every so many layers one sees everything.
fn layer_types(keys: &Keys<'_>, sizes: &Sizes, default: u64) -> Result<Value, Error> {
    let suffix = "attention.sliding_window_pattern";
    let pattern = keys.whole_pattern(default);
    let windowed: Vec<bool> = match keys.metadata.flags(&keys.key(suffix)) {
        Some(flags) if flags.len() == sizes.layers => flags,
        Some(_) => return Err(keys.refuse(suffix, "has not one entry for each layer")),
        // In ggml 0 stands for windows everywhere.
        None => (1..=sizes.layers as u64).map(|layer| pattern == 0 || !layer.is_multiple_of(pattern)).collect(),
    };
    let name = |windowed| if windowed { "sliding_attention" } else { "full_attention" };
    Ok(windowed.into_iter().map(name).collect())
}

pub(super) fn set(config: &mut Map<String, Value>, key: &str, value: Value) {
    config.insert(key.to_owned(), value);
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
