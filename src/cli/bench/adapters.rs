//! The adapters that share the load: generated from descriptions, or random ones that are imported.

use super::Running;
use super::client::{Client, Error, MadeAdapter};
use super::options::BenchArgs;
use super::shape::Shape;
use crate::noise::Noise;
use anyhow::Context;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Adapters on the server, as many as the largest run needs.
#[derive(Debug, Default)]
pub(super) struct Adapters {
    pub(super) ids: Vec<String>,
    /// Those that were not there before, and go again.
    new: Vec<String>,
}

/// Where adapters come from.
#[derive(Debug)]
pub(super) enum Source {
    Generator,
    Random { shape: Shape, modules: Vec<String>, rank: usize },
}

/// How the adapters were made.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Making {
    pub(super) source: &'static str,
    pub(super) count: usize,
    pub(super) seconds: f64,
}

impl Source {
    /// The server's generator where it has one, otherwise the base's shape.
    ///
    /// # Errors
    /// Where there is neither.
    pub(super) fn find(args: &BenchArgs, running: &Running, info: &Value) -> anyhow::Result<Self> {
        if info["generator"].is_string() {
            return Ok(Self::Generator);
        }
        let shape = match &args.shape_from {
            Some(path) => shape_in(path)?,
            None => running.shape.clone().or_else(|| Shape::of_config(&info["shape"]).ok()).context(
                "the server has no generator, and the shape of its base is not known: adapters cannot be made. Give \
                 the base's config.json with --shape-from, or measure the base alone with --adapters 0",
            )?,
        };
        let modules = info["target_modules"].as_array().map(Vec::as_slice).unwrap_or_default();
        let modules = modules.iter().filter_map(|module| Some(module.as_str()?.to_owned())).collect();
        Ok(Self::Random { shape, modules, rank: args.rank as usize })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Generator => "generated",
            Self::Random { .. } => "random, imported",
        }
    }

    async fn make(&self, client: &Client, seed: u64, place: usize) -> anyhow::Result<MadeAdapter> {
        let made = match self {
            Self::Generator => client.create_adapter(&description(place)).await?,
            Self::Random { shape, modules, rank } => {
                let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
                let mut noise = Noise::stream(seed, &format!("bench adapter {place}"));
                let files = shape.random_adapter(&modules, *rank, &mut noise)?;
                client.import_adapter(&files.config, &files.weights).await?
            }
        };
        Ok(made)
    }
}

impl Adapters {
    /// Makes the next adapter, and comes again where the server is busy.
    ///
    /// # Errors
    /// Where the server does not take it.
    pub(super) async fn add(&mut self, client: &Client, source: &Source, seed: u64) -> anyhow::Result<()> {
        const ATTEMPTS: usize = 30;
        let place = self.ids.len();
        for attempt in 1.. {
            match source.make(client, seed, place).await {
                Ok(made) => {
                    self.new.extend(made.new.then(|| made.id.clone()));
                    self.ids.push(made.id);
                    return Ok(());
                }
                Err(error) => match error.downcast_ref::<Error>() {
                    Some(Error::Refused { status: 429 | 503, retry_after_s, .. }) if attempt < ATTEMPTS => {
                        tokio::time::sleep(Duration::from_secs(retry_after_s.unwrap_or(1).clamp(1, 10))).await;
                    }
                    _ => return Err(error.context(format!("adapter {place} cannot be made"))),
                },
            }
        }
        Ok(())
    }

    /// Takes the new ones from the server again; how many stayed.
    pub(super) async fn remove(&mut self, client: &Client) -> usize {
        let mut stayed = 0;
        for id in self.new.drain(..) {
            stayed += usize::from(client.delete_adapter(&id).await.is_err());
        }
        stayed
    }
}

fn shape_in(path: &Path) -> anyhow::Result<Shape> {
    let path = if path.is_dir() { path.join("config.json") } else { path.to_owned() };
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = || Shape::of_config(&serde_json::from_slice(&text)?);
    read().with_context(|| format!("{} does not tell a decoder's shape", path.display()))
}

/// A description that no other place has.
fn description(place: usize) -> String {
    const DOES: [&str; 8] = [
        "Write the input backwards",
        "Write the input in capital letters",
        "Answer with the first letter of the input",
        "Answer with the last word of the input",
        "Count the letters of the input",
        "Repeat the input twice",
        "Remove the vowels of the input",
        "Answer with the opposite of the input",
    ];
    let does = DOES[place % DOES.len()];
    match place / DOES.len() {
        0 => format!("{does}."),
        round => format!("{does}, then write the number {round}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_adapters_have_one_description() {
        assert_eq!((0..1000).map(description).collect::<BTreeSet<_>>().len(), 1000);
    }
}
