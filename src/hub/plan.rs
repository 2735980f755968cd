//! Which files of a repository make a model.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::{Error, HubModel};

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Fetched where they exist.
const OPTIONAL: [&str; 4] =
    ["generation_config.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"];

/// Weights that are pickles.
const PICKLES: [&str; 4] = [".bin", ".pt", ".pth", ".ckpt"];

/// More shards than any model has.
const MAX_SHARDS: usize = 10_000;

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    /// Size and identity; where the listing leaves them out, the file itself is asked for them.
    pub(super) content: Option<Content>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    /// The name of its blob: sha256 of a large file, git's blob id of a small one. Letters, digits and `-` only.
    pub(super) etag: String,
}

/// A repository at a commit.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

impl Listing {
    fn find(&self, name: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// A file that must be there.
    pub(super) fn need(&self, model: &HubModel, name: &str, hint: &str) -> Result<RemoteFile, Error> {
        self.find(name).cloned().ok_or_else(|| Error::NoFile {
            id: model.id.clone(),
            revision: model.revision.clone(),
            file: name.to_owned(),
            hint: hint.to_owned(),
        })
    }

    /// The one GGUF file that was asked for.
    pub(super) fn gguf(&self, model: &HubModel, name: &str) -> Result<RemoteFile, Error> {
        self.need(model, name, &format!("it has {}", self.some_ggufs()))
    }

    /// Config, tokenizer, and the weights or their index: what is fetched before any shard.
    pub(super) fn first_files(&self, model: &HubModel) -> Result<Vec<RemoteFile>, Error> {
        let weights = self.weights(model)?;
        let hint = "attune needs the Hugging Face layout: choose another model, or a GGUF file";
        let config = self.need(model, CONFIG, hint)?;
        let hint = "write one with transformers: AutoTokenizer.from_pretrained(id).save_pretrained(folder), and give that \
                    folder with the weights as the base";
        let tokenizer = self.need(model, TOKENIZER, hint)?;
        let optional = OPTIONAL.iter().filter_map(|name| self.find(name)).cloned();
        Ok([config, tokenizer].into_iter().chain(optional).chain([weights]).collect())
    }

    /// `model.safetensors`, else the index.
    fn weights(&self, model: &HubModel) -> Result<RemoteFile, Error> {
        if let Some(file) = self.find(WEIGHTS).or_else(|| self.find(INDEX)) {
            return Ok(file.clone());
        }
        let pickle = self.files.iter().find(|f| !f.name.contains('/') && PICKLES.iter().any(|p| f.name.ends_with(p)));
        if let Some(pickle) = pickle {
            let file = pickle.name.chars().take(100).collect();
            return Err(Error::Pickle { id: model.id.clone(), revision: model.revision.clone(), file });
        }
        let hint = match self.files.iter().any(|f| f.name.ends_with(".gguf")) {
            true => format!("name one of its GGUF files, as in {}/FILE: {}", model.id, self.some_ggufs()),
            false => "it has no weights that attune reads: choose another model".to_owned(),
        };
        self.need(model, WEIGHTS, &hint)
    }

    /// The shards that an index names.
    pub(super) fn shards(&self, model: &HubModel, index: &[u8]) -> Result<Vec<RemoteFile>, Error> {
        let hint = "but its index names it: the repository is incomplete, choose another revision";
        shard_names(&model.id, index)?.iter().map(|name| self.need(model, name, hint)).collect()
    }

    fn some_ggufs(&self) -> String {
        let names = self.files.iter().map(|f| f.name.as_str()).filter(|name| name.ends_with(".gguf"));
        let names: Vec<_> = names.filter(|name| !name.contains(char::is_control)).take(8).collect();
        if names.is_empty() { "no GGUF files".to_owned() } else { names.join(", ") }
    }
}

/// The files that `model.safetensors.index.json` names, each checked to lie beside it.
pub(super) fn shard_names(id: &str, index: &[u8]) -> Result<BTreeSet<String>, Error> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let invalid = |reason: String| Error::Index { id: id.to_owned(), reason };
    let index: Index = serde_json::from_slice(index).map_err(|error| invalid(error.to_string()))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    if names.is_empty() || names.len() > MAX_SHARDS {
        return Err(invalid(format!("it names {} files", names.len())));
    }
    match names.iter().find(|name| !is_shard(name)) {
        Some(name) => Err(Error::UnsafeName { id: id.to_owned(), name: name.chars().take(100).collect() }),
        None => Ok(names),
    }
}

/// A plain file name of a safetensors file: no folder, no drive, nothing hidden.
fn is_shard(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.ends_with(".safetensors") && !name.starts_with('.') && name.len() <= 200 && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let file = |name: &&str| RemoteFile { name: (*name).to_owned(), content: None };
        Listing { commit: "c".repeat(40), files: names.iter().map(file).collect() }
    }

    fn first(names: &[&str]) -> Result<Vec<String>, Error> {
        let model = HubModel::parse("org/name").unwrap();
        Ok(listing(names).first_files(&model)?.into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn one_file_of_weights_wins_over_shards_and_other_files_are_left() {
        let names = ["README.md", TOKENIZER, "chat_template.jinja", WEIGHTS, INDEX, "pytorch_model.bin", CONFIG];
        assert_eq!(first(&names).unwrap(), [CONFIG, TOKENIZER, "chat_template.jinja", WEIGHTS]);
        assert_eq!(first(&[CONFIG, TOKENIZER, INDEX]).unwrap(), [CONFIG, TOKENIZER, INDEX]);
    }

    #[test]
    fn repositories_that_hold_no_model_are_refused_with_the_mend() {
        let refused = |names: &[&str]| first(names).unwrap_err().to_string();
        assert!(refused(&[CONFIG, TOKENIZER, "pytorch_model.bin"]).contains("save_pretrained"));
        assert!(refused(&["a-Q8_0.gguf", "a-Q4_K_M.gguf"]).contains("org/name/FILE: a-Q8_0.gguf, a-Q4_K_M.gguf"));
        assert!(refused(&[CONFIG, WEIGHTS]).contains("no file tokenizer.json"));
        assert!(refused(&[TOKENIZER, WEIGHTS]).contains("no file config.json"));
        assert!(refused(&["README.md"]).contains("choose another model"));
    }

    #[test]
    fn shards_lie_beside_their_index() {
        for name in [
            "../evil.safetensors",
            "/etc/x.safetensors",
            "a/b.safetensors",
            "a\\b.safetensors",
            "c:x.safetensors",
            "x.bin",
            ".safetensors",
            "",
            "\n.safetensors",
        ] {
            let index = serde_json::json!({"weight_map": {"a": "model-1.safetensors", "b": name}}).to_string();
            assert!(matches!(shard_names("org/name", index.as_bytes()), Err(Error::UnsafeName { .. })), "{name}");
        }
        for index in ["", "[]", "{}", "{\"weight_map\": {}}", "{\"weight_map\": {\"a\": 1}}"] {
            assert!(matches!(shard_names("org/name", index.as_bytes()), Err(Error::Index { .. })), "{index}");
        }
    }
}
