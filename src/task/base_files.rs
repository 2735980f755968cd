//! A base's files: opened and checked, the weights not read yet.

use super::InputTemplate;
use crate::lm::chat::{ChatTemplate, Error as ChatError};
use crate::lm::gguf::SpecialTokens;
use crate::lm::{
    BaseDigest, Checkpoint, CheckpointSource, Config, Error, FileConfig, GgufSource, GgufWeights, Loading, Model,
    Tokenizer, token_ids,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Files of a base that stand beside its weights.
const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const CHAT: &str = "chat_template.jinja";
const TEMPLATE: &str = "attune.json";

/// The files of a small base that are in memory, such as the embedded demo's.
#[derive(Clone, Copy, Debug)]
pub struct BaseBytes<'a> {
    /// `config.json`
    pub config: &'a [u8],
    /// `tokenizer.json`
    pub tokenizer: &'a [u8],
    /// `attune.json`
    pub template: &'a [u8],
    /// `model.safetensors`
    pub weights: &'a [u8],
}

/// A base's files: enough to tell what it will take.
#[derive(Debug)]
pub struct BaseFiles {
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) tokenizer: Tokenizer,
    pub(super) template: InputTemplate,
    pub(super) chat: Option<ChatTemplate>,
    /// What the tokenizer puts before a text.
    pub(super) bos: Vec<u32>,
    /// The tokens that end an answer.
    pub(super) ends: Vec<u32>,
    weights: Weights,
    /// What the digest covers besides the weights.
    named: Vec<(&'static str, Vec<u8>)>,
}

/// Where the weights are.
#[derive(Debug)]
pub enum Weights {
    /// Safetensors.
    Checkpoint(Checkpoint),
    /// One GGUF file.
    Gguf(GgufWeights),
}

impl BaseFiles {
    /// Opens a Hugging Face directory. `attune.json`, the input template, may be absent: then the chat template
    /// says how inputs are put before the model, or, where there is none, attune's own.
    ///
    /// # Errors
    /// [`Error`] names the file or key.
    pub fn from_directory(dir: &Path) -> Result<Self, Error> {
        let optional = |name: &str| if dir.join(name).exists() { read(&dir.join(name)).map(Some) } else { Ok(None) };
        let value = |name: &'static str| optional(name)?.map(|bytes| parse::<Value>(name, &bytes)).transpose();
        let jinja = optional(CHAT)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let texts = Texts {
            config: read(&dir.join(CONFIG))?,
            tokenizer: read(&dir.join(TOKENIZER))?,
            template: optional(TEMPLATE)?,
            generation: value(GENERATION)?,
            tokenizer_config: value(TOKENIZER_CONFIG)?,
            jinja,
        };
        Self::new(name_of(dir), texts, Checkpoint::open(dir)?)
    }

    /// Takes files that are in memory.
    ///
    /// # Errors
    /// [`Error`] names the file or key.
    pub fn from_bytes(name: &str, files: &BaseBytes<'_>) -> Result<Self, Error> {
        let texts = Texts {
            config: files.config.to_vec(),
            tokenizer: files.tokenizer.to_vec(),
            template: Some(files.template.to_vec()),
            generation: None,
            tokenizer_config: None,
            jinja: None,
        };
        Self::new(name.to_owned(), texts, Checkpoint::from_bytes(files.weights.to_vec())?)
    }

    fn new(name: String, texts: Texts, checkpoint: Checkpoint) -> Result<Self, Error> {
        let config = parse::<FileConfig>(CONFIG, &texts.config)?.resolve()?;
        let tokenizer = Tokenizer::from_bytes(&texts.tokenizer)?;
        check_ids(&config)?;
        let tokenizer = tokenizer.with_vocabulary(config.vocab_size);
        let chat = |clock| ChatTemplate::from_files(texts.tokenizer_config.as_ref(), texts.jinja.as_deref(), clock);
        let chat = Chat { usual: chat(OffsetDateTime::now_utc), dated: chat(a_day) };
        let (chat, template, template_bytes) = input_template(texts.template, chat)?;
        let ends = ends(&config, texts.generation.as_ref());
        // A tokenizer of the hub that does not say puts nothing before a text; one that stands alone means the model's.
        let bos = match tokenizer.beginning()? {
            Some(beginning) => beginning.into_iter().filter(|id| !ends.contains(id)).collect(),
            None if texts.tokenizer_config.is_some() => Vec::new(),
            None => config.bos.into_iter().collect(),
        };
        // The canonical configuration: the same values in another order or spacing are the same base.
        let canonical = sorted(&parse::<Value>(CONFIG, &texts.config)?).to_string();
        let named = vec![(CONFIG, canonical.into_bytes()), (TOKENIZER, texts.tokenizer), (TEMPLATE, template_bytes)];
        Ok(Self { name, config, tokenizer, template, chat, bos, ends, weights: Weights::Checkpoint(checkpoint), named })
    }

    /// Opens a GGUF file, which holds its own configuration, tokenizer and chat template.
    ///
    /// # Errors
    /// [`Error::Gguf`] names what is damaged or not known.
    pub fn from_gguf(path: &Path) -> Result<Self, Error> {
        let weights = GgufWeights::open(path)?;
        let header = weights.header();
        let mut config = header.config()?;
        take_divisors(&mut config, &weights)?;
        let config = serde_json::from_value::<FileConfig>(config)
            .map_err(|source| Error::Json { path: path.to_owned(), source })?
            .resolve()?;
        let tokenizer = Tokenizer::from_bytes(header.tokenizer()?.to_string().as_bytes())?;
        check_ids(&config)?;
        let tokenizer = tokenizer.with_vocabulary(config.vocab_size);
        let SpecialTokens { bos, add_bos, end_of_generation, .. } = header.special();
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
        let specials = crate::lm::chat::Specials {
            bos: text(bos),
            eos: text(header.special().eos),
            unk: text(header.special().unk),
            pad: text(header.special().pad),
        };
        let chat = |clock| {
            let template = header.chat_template();
            template.map(|source| ChatTemplate::with_clock(source, specials.clone(), clock)).transpose()
        };
        let chat = Chat { usual: chat(OffsetDateTime::now_utc), dated: chat(a_day) };
        let (chat, template, template_bytes) = input_template(None, chat)?;
        Ok(Self {
            name: path.file_stem().map_or_else(|| name_of(path), |stem| stem.to_string_lossy().into_owned()),
            config,
            tokenizer,
            template,
            chat,
            bos: bos.filter(|_| add_bos).into_iter().collect(),
            ends: end_of_generation,
            weights: Weights::Gguf(weights),
            named: vec![(TEMPLATE, template_bytes)],
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same files under another name, such as a hub's id.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// The resolved configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the weights are.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Lets no text grow beyond so many tokens.
    pub fn limit_context(&mut self, tokens: usize) {
        self.config.context = self.config.context.min(tokens.max(1));
    }

    /// Reads the weights.
    pub(super) fn model(&self, loading: &Loading) -> Result<Model, Error> {
        match &self.weights {
            Weights::Checkpoint(checkpoint) => Model::load(&self.config, &CheckpointSource { checkpoint, loading }),
            Weights::Gguf(weights) => Model::load(&self.config, &GgufSource { weights, loading }),
        }
    }

    /// The base digest. Every byte is read.
    pub(super) fn digest(&self) -> Result<String, Error> {
        let mut digest = BaseDigest::default();
        self.named.iter().for_each(|(name, bytes)| digest.add(name, bytes));
        match &self.weights {
            Weights::Checkpoint(checkpoint) => checkpoint.add_to(&mut digest)?,
            Weights::Gguf(weights) => weights.add_to(&mut digest)?,
        }
        Ok(digest.finish())
    }
}

/// The small files of a base.
struct Texts {
    config: Vec<u8>,
    tokenizer: Vec<u8>,
    template: Option<Vec<u8>>,
    generation: Option<Value>,
    tokenizer_config: Option<Value>,
    jinja: Option<String>,
}

/// A chat template twice: as it is used, and on one and the same day. Some templates write the date, and what is trained
/// on and digested must not change overnight.
struct Chat {
    usual: Result<Option<ChatTemplate>, ChatError>,
    dated: Result<Option<ChatTemplate>, ChatError>,
}

/// The day of the templates that stand in digests: the one that Llama 3's falls back to.
fn a_day() -> OffsetDateTime {
    time::macros::datetime!(2024-07-26 00:00 UTC)
}

/// The chat template, the input template, and the bytes that stand for it in the digest: the base's own, or that of
/// its chat template, or attune's.
fn input_template(own: Option<Vec<u8>>, chat: Chat) -> Result<(Option<ChatTemplate>, InputTemplate, Vec<u8>), Error> {
    let unset = b"{}".to_vec();
    if let Some(own) = own.filter(|own| *own != unset) {
        // The base says itself how inputs are put before it, so that a chat template is wanted for messages alone.
        let usual = chat.usual.unwrap_or_else(|error| {
            tracing::warn!(%error, "the base's chat template is left out: messages are taken by their last user message");
            None
        });
        return Ok((usual, parse(TEMPLATE, &own)?, own));
    }
    match (chat.usual?, chat.dated?) {
        (usual, Some(dated)) => {
            let template = InputTemplate::of_chat(&dated)?;
            let bytes = serde_json::to_vec(&template)
                .map_err(|source| Error::Json { path: PathBuf::from(TEMPLATE), source })?;
            Ok((usual, template, bytes))
        }
        (usual, None) => Ok((usual, InputTemplate::default(), unset)),
    }
}

/// The special tokens have their rows among the embeddings. Others of a tokenizer may not (Gemma's knows images): a text
/// that gets such a one is refused.
fn check_ids(config: &Config) -> Result<(), Error> {
    let mut special = config.eos.iter().chain(&config.bos).copied();
    match special.find(|id| *id as usize >= config.vocab_size) {
        Some(id) => Err(Error::TokenBeyondVocabulary { id, vocabulary: config.vocab_size }),
        None => Ok(()),
    }
}

/// The tokens that end an answer: those of the configuration, then those of `generation_config.json`,
/// which chat models use to end a turn.
fn ends(config: &Config, generation: Option<&Value>) -> Vec<u32> {
    let mut ends = config.eos.clone();
    ends.extend(token_ids(generation.and_then(|file| file.get("eos_token_id"))));
    let mut seen = std::collections::HashSet::new();
    ends.retain(|id| seen.insert(*id));
    ends
}

/// Puts the divisors of RoPE's frequencies, which a GGUF keeps as tensors, into its configuration.
fn take_divisors(config: &mut Value, weights: &GgufWeights) -> Result<(), Error> {
    let context = config["max_position_embeddings"].clone();
    let Some(scaling) = config.get_mut("rope_scaling") else { return Ok(()) };
    let (short, long, factor, original) = match scaling["rope_type"].as_str() {
        Some("factors") => {
            let divisors = weights.numbers("rope_freqs.weight")?;
            (divisors.clone(), divisors, json!(1.0), context)
        }
        Some("longrope_tensors") => (
            weights.numbers("rope_factors_short.weight")?,
            weights.numbers("rope_factors_long.weight")?,
            scaling["attn_factor"].clone(),
            scaling["original_max_position_embeddings"].clone(),
        ),
        _ => return Ok(()),
    };
    *scaling = json!({"rope_type": "longrope", "short_factor": short, "long_factor": long,
                      "attention_factor": factor, "original_max_position_embeddings": original});
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json { path: PathBuf::from(name), source })
}

/// The value with the keys of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
