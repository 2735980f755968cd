//! What a request for an adapter asks for, checked, and the id that it determines.

use super::api::{CreateAdapter, OnUnknown, Refine};
use super::make::scored_pieces;
use super::{Error, MAX_SAMPLES, Service};
use crate::generator::GeneratorFile;
use crate::store::OnNameTaken;
use crate::task::{Demonstrations, Description, ENCODER_VERSION};
use crate::training::expected::Expected;
use crate::training::refine::{MAX_REFINE_STEPS, MAX_REFINE_TOKENS};
use crate::training::settle::is_quick;
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
    pub(super) refinement: Refinement,
    pub(super) on_unknown: OnUnknown,
    pub(super) name: Option<String>,
    pub(super) taken: OnNameTaken,
}

/// Gradient steps after an adapter is written.
#[derive(Clone, Debug)]
pub(super) enum Refinement {
    /// None.
    Never,
    /// Some where the adapter is doubted (`training::settle`): nobody said anything about them.
    WhereDoubted,
    /// So many, as the caller wants.
    Steps {
        steps: usize,
        /// The demonstrations; the described base's answers are learned where there are none.
        shown: Option<Expected>,
    },
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
        self.check_name(request.name.as_deref())?;
        let seed = request.seed.or((samples > 1).then_some(0));
        let (generator_id, generator) = self.generator_or_active(request.generator.as_deref()).await?;
        generator.check(self.base.digest(), ENCODER_VERSION).map_err(Error::generator)?;
        let refinement = match request.refine {
            Some(refine) => self.wanted_refinement(refine, &demonstrations)?,
            // Who asks for one draw wants what is drawn; the best of several goes on as the mean would.
            None if samples == 1 && (request.seed.is_some() || request.samples.is_some()) => Refinement::Never,
            None if generator.settles() && is_quick(&self.base) => Refinement::WhereDoubted,
            None => Refinement::Never,
        };
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
            refinement,
            on_unknown,
            name,
            taken,
        };
        Ok(Wanted { id: self.adapter_id(&wanted), ..wanted })
    }

    /// The steps that a caller asks for, where they can be made.
    fn wanted_refinement(
        &self,
        Refine { steps }: Refine,
        demonstrations: &Demonstrations,
    ) -> Result<Refinement, Error> {
        if steps > MAX_REFINE_STEPS {
            return Err(invalid("refine.steps", format!("must be between 0 and {MAX_REFINE_STEPS}")));
        }
        let count = demonstrations.examples().len();
        if steps == 0 {
            return Ok(Refinement::Never);
        }
        if count == 0 {
            return Ok(Refinement::Steps { steps, shown: None });
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
        Ok(Refinement::Steps { steps, shown: Some(Expected::alike(pieces)) })
    }

    /// The digest of all that determines the adapter.
    fn adapter_id(&self, wanted: &Wanted) -> String {
        let mut all = serde_json::json!({
            "base": self.base.digest(), "dtype": self.precision(), "generator": wanted.generator_id,
            "encoder": wanted.generator.encoder_version(), "description": wanted.description.as_str(),
            "demonstrations": wanted.demonstrations.examples(), "seed": wanted.seed, "samples": wanted.samples,
        });
        // What is not asked for is not named, so that adapters made before there was such a choice keep their ids.
        match &wanted.refinement {
            Refinement::Never => {}
            Refinement::WhereDoubted => all["settle"] = serde_json::json!({ "version": SETTLE_VERSION }),
            Refinement::Steps { steps, .. } => {
                all["refine"] = serde_json::json!({ "steps": steps, "version": REFINE_VERSION });
            }
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
/// One more with every change of what a doubted adapter learns, and when.
const SETTLE_VERSION: u32 = 1;

fn invalid(field: &'static str, problem: String) -> Error {
    Error::Invalid { field, problem }
}
