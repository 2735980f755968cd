//! An adapter out of a description: reading it, writing the weights, refining them.
//!
//! The heavy parts run on blocking threads. When nobody waits for the adapter any more the future is dropped, and the
//! refinement stops at its next step.

use super::adapters::ms;
use super::api::{CreateTimings, OnUnknown};
use super::files::blocking;
use super::refining::{Place, Refining};
use super::wanted::Wanted;
use super::{Error, Service};
use crate::generator::{Answer, Confidence, Draw, GeneratorFile};
use crate::lm::Piece;
use crate::lora::Adapter;
use crate::task::{Base, Demonstrations, Description, Encoder, Example};
use crate::telemetry::record::{self, AdapterTimes};
use crate::training::agreement::agreement;
use crate::training::best_of::{Samples, best_of};
use crate::training::progress::CancelFlag;
use crate::training::refine::{RefineContext, RefineRun, refine};
use std::sync::Arc;
use std::time::Instant;
use tracing::Span;

/// What making an adapter gave.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) adapter: Adapter,
    pub(super) confidence: Confidence,
    pub(super) timings: CreateTimings,
}

/// All that making one takes.
struct Work {
    base: Base,
    encoder: Encoder,
    generator: Arc<GeneratorFile>,
    description: Description,
    demonstrations: Demonstrations,
    draw: (Option<u64>, usize),
    on_unknown: OnUnknown,
    refine: Option<(usize, Vec<Piece>)>,
    /// The span of the request that began it.
    span: Span,
}

/// Says that nobody waits, when it goes.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Service {
    /// Makes what is wanted. Nothing happens before the future is polled.
    pub(super) fn make(&self, wanted: &Wanted) -> impl Future<Output = Result<Made, Error>> + Send + 'static {
        let work = Work {
            base: self.base.clone(),
            encoder: self.encoder.clone(),
            generator: Arc::clone(&wanted.generator),
            description: wanted.description.clone(),
            demonstrations: wanted.demonstrations.clone(),
            draw: (wanted.seed, wanted.samples),
            on_unknown: wanted.on_unknown,
            refine: wanted.refine.as_ref().map(|refine| (refine.steps, refine.pieces.clone())),
            span: Span::current(),
        };
        let refining = self.refining.clone();
        async move { work.run(&refining).await }
    }
}

impl Work {
    async fn run(self, refining: &Refining) -> Result<Made, Error> {
        // A queue that is full is no reason to read the description first.
        let place = self.refine.is_some().then(|| refining.place()).transpose()?;
        let tried = self.generator.asks_agreement();
        let work = Arc::new(self);
        let writer = Arc::clone(&work);
        let made = blocking(move || writer.write()).await?;
        let refines = place.is_some();
        let made = match place {
            Some(place) => work.refined(made, place).await?,
            None => made,
        };
        let CreateTimings { encode, generate, confidence, refine, .. } = made.timings;
        record::adapter_made(AdapterTimes {
            encode: encode / 1e3,
            generate: generate / 1e3,
            confidence: tried.then_some(confidence / 1e3),
            refine: refines.then_some(refine / 1e3),
        });
        Ok(made)
    }

    /// Reads the description and writes the weights.
    fn write(&self) -> Result<Made, Error> {
        let started = Instant::now();
        let texts = [(self.description.as_str(), &self.demonstrations)];
        let raw = self.step("adapter.encode").in_scope(|| self.encoder.encode(&texts)).map_err(Error::model)?;
        let condition = self.generator.standardised(&raw[0]).map_err(Error::generator)?;
        let encode = ms(started);
        let written = self.step("adapter.generate").in_scope(|| self.generate(&condition))?;
        let tried = Instant::now();
        let agreed = match self.generator.asks_agreement() {
            true => self.step("adapter.confidence").in_scope(|| self.agreement(&written))?,
            false => None,
        };
        let trying = ms(tried);
        let mut confidence = self.generator.confidence(&condition, agreed).map_err(Error::generator)?;
        let adapter = match (confidence.in_distribution, self.on_unknown) {
            (false, OnUnknown::Reject) => {
                let Confidence { score, nearest_tasks, .. } = confidence;
                return Err(Error::UnknownTask { score, nearest_tasks });
            }
            (false, OnUnknown::Blend) => {
                confidence.applied = Answer::Blended;
                self.blend(&confidence)?
            }
            (true, _) | (false, OnUnknown::Generate) => written,
        };
        let generate = ms(started) - encode - trying;
        let timings = CreateTimings { encode, generate, confidence: trying, ..CreateTimings::default() };
        Ok(Made { adapter, confidence, timings })
    }

    /// The span of a part of the work.
    fn step(&self, name: &'static str) -> Span {
        tracing::info_span!(parent: &self.span, "step", otel.name = name)
    }

    /// How far an adapter agrees with the demonstrations or the described base.
    fn agreement(&self, adapter: &Adapter) -> Result<Option<f64>, Error> {
        let prefix = self.encoder.prefix(self.description.as_str(), &self.demonstrations).map_err(Error::model)?;
        agreement(&self.base, adapter, (&prefix, self.demonstrations.examples())).map_err(Error::choosing)
    }

    /// The blend of the nearest training tasks, each read by the description that the generator remembers of it.
    fn blend(&self, confidence: &Confidence) -> Result<Adapter, Error> {
        let tasks = self.generator.blended_tasks(confidence).map_err(Error::generator)?;
        let nothing = Demonstrations::default();
        let mut conditions = Vec::new();
        for (task, weight) in tasks {
            let condition = if task.description.is_empty() {
                // A file of an older form holds the condition alone, along the directions that tell tasks apart.
                self.generator.memory().condition(task)
            } else {
                let raw = self.encoder.encode(&[(task.description.as_str(), &nothing)]).map_err(Error::model)?;
                self.generator.standardised(&raw[0]).map_err(Error::generator)?
            };
            conditions.push((condition, weight));
        }
        self.generator.blend(&conditions).map_err(Error::generator)
    }

    fn generate(&self, condition: &[f32]) -> Result<Adapter, Error> {
        let (seed, samples) = self.draw;
        match seed {
            None => self.generator.generate(condition, Draw::Mean).map_err(Error::generator),
            Some(seed) => {
                let samples = Samples { seed, count: samples };
                let by = (condition, self.demonstrations.examples());
                best_of(&self.base, &self.generator, by, samples).map_err(Error::choosing)
            }
        }
    }

    /// The adapter after its steps on the demonstrations.
    async fn refined(self: Arc<Self>, made: Made, place: Place) -> Result<Made, Error> {
        let asked = Instant::now();
        let turn = place.turn().await?;
        let flag = CancelFlag::default();
        let _gone = CancelOnDrop(flag.clone());
        blocking(move || {
            // It is held by the work and not by who waits: steps that nobody waits for still take a core.
            let _turn = turn;
            let span = self.step("adapter.refine");
            let _refining = span.enter();
            let (steps, pieces) = self.refine.as_ref().ok_or_else(|| Error::internal("nothing to refine with"))?;
            let (model, shared) = (self.base.model(), self.generator.shared());
            let context = RefineContext { model, shared, begin: self.base.begin(), progress: &flag };
            let alpha = self.generator.config().alpha;
            let run = RefineRun::for_base(model.config(), alpha, *steps);
            let b = refine(&context, &made.adapter.flat_b()?, pieces, &run).map_err(Error::refining)?;
            let b =
                candle_core::Tensor::from_vec(b, shared.layout().b_len(), model.device()).map_err(Error::internal)?;
            let timings = CreateTimings { refine: ms(asked), ..made.timings };
            Ok(Made { adapter: Adapter::over(shared, &b, alpha)?, timings, ..made })
        })
        .await
    }
}

/// Demonstrations as tokens, their answers scored. Of plain texts no more than so many tokens, with what stands before
/// them, nor than the context holds.
pub(super) fn scored_pieces(base: &Base, demonstrations: &[Example], text_tokens: usize) -> Result<Vec<Piece>, Error> {
    let longest = text_tokens.min(base.model().config().context).saturating_sub(base.begin().len());
    let piece = |example: &Example| {
        let mut piece = base.prompter().scored(example).map_err(Error::model)?;
        if example.is_text() {
            piece.tokens.truncate(longest);
        }
        Ok(piece)
    };
    demonstrations.iter().map(piece).collect()
}
