//! The demo model, embedded: it runs from any directory with no network.

use crate::task::BaseBytes;
use anyhow::Context;
use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/models/demo");

/// The demo's base.
pub(super) fn base() -> anyhow::Result<BaseBytes<'static>> {
    Ok(BaseBytes {
        config: file("config.json")?,
        tokenizer: file("tokenizer.json")?,
        template: file("attune.json")?,
        weights: file("model.safetensors")?,
    })
}

/// The demo's generator, where one is embedded.
pub fn demo_generator() -> Option<&'static [u8]> {
    FILES.get_file("generator.safetensors").map(include_dir::File::contents)
}

/// The figures that were recorded with the demo, as JSON, where there are some.
pub fn recorded_evaluation() -> Option<&'static [u8]> {
    FILES.get_file("evaluation.json").map(include_dir::File::contents)
}

fn file(name: &str) -> anyhow::Result<&'static [u8]> {
    let file = FILES.get_file(name).with_context(|| format!("this binary was built without models/demo/{name}"))?;
    Ok(file.contents())
}
