//! What a request for an adapter asks for, checked, and the id that it determines.

use super::api::{CreateAdapter, OnUnknown, Refine};
use super::make::scored_pieces;
use super::{Error, MAX_SAMPLES, Service};
use crate::generator::GeneratorFile;
use crate::lm::Piece;
use crate::store::OnNameTaken;
use crate::task::{Demonstrations, Description, ENCODER_VERSION};
use crate::training::refine::{MAX_REFINE_STEPS, MAX_REFINE_TOKENS};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A validated request, and the id that it determines.
pub(super) struct Wanted {
    pub(super) id: String,
    pub(super) description: Description,
    pub(super) demonstrations: Demonstrations,
    pub(super) generator_id: String,
    pub(super) generator: Arc<GeneratorFile>,
    pub(super) seed: Option<u64>,
    pub(super) samples: usize,
    pub(super) refine: Option<WantedRefine>,
    pub(super) on_unknown: OnUnknown,
    pub(super) name: Option<String>,
    pub(super) taken: OnNameTaken,
}

/// Steps on the demonstrations.
pub(super) struct WantedRefine {
    pub(super) steps: usize,
    /// The demonstrations in tokens.
    pub(super) pieces: Vec<Piece>,
}

impl Service {
    pub(super) async fn wanted(&self, request: CreateAdapter) -> Result<Wanted, Error> {
        let description = Description::new(&request.task)?;
        let demonstrations = Demonstrations::new(request.examples)?;
        let samples = request.samples.unwrap_or(1);
        if samples == 0 || samples > MAX_SAMPLES {
            return Err(invalid("samples", format!("must be between 1 and {MAX_SAMPLES}")));
        }
        if samples > 1 && demonstrations.examples().is_empty() {
            return Err(invalid("samples", "more than one needs examples to choose by: send examples".into()));
        }
        let refine = request.refine.map(|refine| self.wanted_refine(refine, &demonstrations)).transpose()?;
        self.check_name(request.name.as_deref())?;
        let seed = request.seed.or((samples > 1).then_some(0));
        let (generator_id, generator) = self.generator_or_active(request.generator.as_deref()).await?;
        generator.check(self.base.digest(), ENCODER_VERSION).map_err(Error::generator)?;
        let taken = if request.replace { OnNameTaken::Replace } else { OnNameTaken::Refuse };
        let (on_unknown, name) = (request.on_unknown, request.name);
        let id = String::new();
        let wanted = Wanted {
            id,
            description,
            demonstrations,
            generator_id,
            generator,
            seed,
            samples,
            refine,
            on_unknown,
            name,
            taken,
        };
        Ok(Wanted { id: self.adapter_id(&wanted), ..wanted })
    }

    /// What a step of refinement sees, where it can be.
    fn wanted_refine(&self, Refine { steps }: Refine, demonstrations: &Demonstrations) -> Result<WantedRefine, Error> {
        if steps == 0 || steps > MAX_REFINE_STEPS {
            return Err(invalid("refine.steps", format!("must be between 1 and {MAX_REFINE_STEPS}")));
        }
        let count = demonstrations.examples().len();
        if count == 0 {
            return Err(invalid("refine", "it learns from examples: send some".into()));
        }
        let pieces = scored_pieces(&self.base, demonstrations.examples(), MAX_REFINE_TOKENS / count)?;
        let begin = self.base.begin().len();
        let tokens: usize = pieces.iter().map(|piece| begin + piece.tokens.len()).sum();
        if tokens > MAX_REFINE_TOKENS {
            let problem = format!(
                "{tokens} tokens are more than the {MAX_REFINE_TOKENS} that a step of refinement takes: send fewer or shorter ones"
            );
            return Err(invalid("examples", problem));
        }
        Ok(WantedRefine { steps, pieces })
    }

    /// The digest of all that determines the adapter.
    fn adapter_id(&self, wanted: &Wanted) -> String {
        let mut all = serde_json::json!({
            "base": self.base.digest(), "dtype": self.precision(), "generator": wanted.generator_id,
            "encoder": wanted.generator.encoder_version(), "description": wanted.description.as_str(),
            "demonstrations": wanted.demonstrations.examples(), "seed": wanted.seed, "samples": wanted.samples,
        });
        // What is not asked for is not named, so that adapters made before there was such a choice keep their ids.
        if let Some(refine) = &wanted.refine {
            all["refine"] = serde_json::json!({ "steps": refine.steps, "version": REFINE_VERSION });
        }
        if wanted.on_unknown != OnUnknown::default() {
            all["on_unknown"] = serde_json::json!(wanted.on_unknown);
        }
        let digest = Sha256::digest(all.to_string().as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One more with every change of rate, schedule or loss: the same request would give other numbers.
const REFINE_VERSION: u32 = 1;

fn invalid(field: &'static str, problem: String) -> Error {
    Error::Invalid { field, problem }
}
