//! A base as it lies on disk: its weights unread, and the files that go with them.

use super::demo_model;
use super::loading::checkpoint_directory;
use super::options::BaseOptions;
use crate::lm::{Checkpoint, FileConfig};
use crate::lora::BaseShape;
use anyhow::Context;

const CONFIG: &str = "config.json";

/// The files that Hugging Face and attune keep beside a base's weights; each may be absent but the first.
const COMPANIONS: [&str; 13] = [
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "attune.json",
];

/// A base that is not loaded.
pub struct BaseCheckpoint {
    /// Its weights.
    pub checkpoint: Checkpoint,
    /// The widths of its linear layers.
    pub shape: BaseShape,
    /// Names and contents of the other files.
    pub companions: Vec<(String, Vec<u8>)>,
}

/// Opens the base that the options name, where it is a Hugging Face directory, a hub's id or the demo.
///
/// # Errors
/// Says which file or option.
pub fn open_checkpoint(options: &BaseOptions) -> anyhow::Result<BaseCheckpoint> {
    anyhow::ensure!(
        options.quantize.is_none(),
        "--quantize: an adapter is merged into the weights as they are stored; leave the option out"
    );
    let Some(dir) = checkpoint_directory(options)? else {
        let files = demo_model::base()?;
        let named = [(CONFIG, files.config), ("tokenizer.json", files.tokenizer), ("attune.json", files.template)];
        let companions = named.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).to_vec();
        return assemble(Checkpoint::from_bytes(files.weights.to_vec())?, companions);
    };
    let mut companions = Vec::new();
    for name in COMPANIONS {
        let path = dir.join(name);
        if path.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
            companions.push((name.to_owned(), bytes));
        }
    }
    assemble(Checkpoint::open(&dir)?, companions)
}

fn assemble(checkpoint: Checkpoint, companions: Vec<(String, Vec<u8>)>) -> anyhow::Result<BaseCheckpoint> {
    let config = companions.iter().find(|(name, _)| name == CONFIG);
    let (_, config) = config.context("the base's directory has no config.json")?;
    let file: FileConfig = serde_json::from_slice(config).context(CONFIG)?;
    Ok(BaseCheckpoint { shape: file.resolve()?.shape(), checkpoint, companions })
}
