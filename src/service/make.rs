//! An adapter out of a description: reading it, writing the weights, refining them.
//!
//! The heavy parts run on blocking threads. When nobody waits for the adapter any more the future is dropped, and the
//! refinement stops at its next step.

use super::adapters::ms;
use super::api::{CreateTimings, OnUnknown};
use super::files::blocking;
use super::refining::{Place, Refining};
use super::wanted::{Refinement, Wanted};
use super::{Error, Service};
use crate::generator::{Answer, Confidence, Draw, GeneratorFile, Trial};
use crate::lm::Piece;
use crate::lora::Adapter;
use crate::task::{Base, Demonstrations, Description, Encoder, Example};
use crate::telemetry::record::{self, AdapterTimes};
use crate::training::agreement::tried;
use crate::training::best_of::{Samples, best_of};
use crate::training::progress::CancelFlag;
use crate::training::settle::Lesson;
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
    refinement: Refinement,
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
            refinement: wanted.refinement.clone(),
            span: Span::current(),
        };
        let refining = self.refining.clone();
        async move { work.run(&refining).await }
    }
}

impl Work {
    async fn run(self, refining: &Refining) -> Result<Made, Error> {
        // A queue that is full is no reason to read the description first.
        let asked = matches!(self.refinement, Refinement::Steps { .. });
        let place = asked.then(|| refining.place()).transpose()?;
        let tried = self.generator.asks_agreement();
        let work = Arc::new(self);
        let writer = Arc::clone(&work);
        let made = blocking(move || writer.write()).await?;
        let place = match place {
            None if made.confidence.applied == Answer::Settled => Some(refining.place()?),
            place => place,
        };
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
        let begun = Instant::now();
        let tried = match self.generator.asks_agreement() {
            true => self.step("adapter.confidence").in_scope(|| self.tried(&written))?,
            false => None,
        };
        let trying = ms(begun);
        let settling = !matches!(self.refinement, Refinement::Never);
        let mut confidence = self.generator.confidence(&condition, tried, settling).map_err(Error::generator)?;
        if matches!(self.refinement, Refinement::Steps { .. }) {
            confidence.applied = Answer::Settled;
        }
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

    /// What comes of trying an adapter on the demonstrations or the described base's answers.
    fn tried(&self, adapter: &Adapter) -> Result<Option<Trial>, Error> {
        let prefix = self.encoder.prefix(self.description.as_str(), &self.demonstrations).map_err(Error::model)?;
        tried(&self.base, adapter, (&prefix, self.demonstrations.examples())).map_err(Error::choosing)
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

    /// The adapter after its lesson.
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
            let Some(lesson) = self.lesson()? else {
                let confidence = Confidence { applied: Answer::Generated, ..made.confidence };
                return Ok(Made { confidence, ..made });
            };
            let of = (&self.base, &*self.generator);
            let adapter = lesson.taught(of, &made.adapter, &flag).map_err(Error::refining)?;
            let timings = CreateTimings { refine: ms(asked), ..made.timings };
            Ok(Made { adapter, timings, ..made })
        })
        .await
    }

    /// What the adapter learns; nothing where its context has no room to tell it.
    fn lesson(&self) -> Result<Option<Lesson>, Error> {
        let of = (&self.base, &*self.generator);
        let prefix = || self.encoder.prefix(self.description.as_str(), &self.demonstrations).map_err(Error::model);
        match &self.refinement {
            Refinement::Never => Ok(None),
            Refinement::WhereDoubted => Lesson::unasked(of, (&prefix()?, self.demonstrations.examples())),
            Refinement::Steps { steps, shown: Some(shown) } => Ok(Some(Lesson::of_answers(of, shown.clone(), *steps))),
            Refinement::Steps { steps, shown: None } => Lesson::of_description(of, &prefix()?, *steps),
        }
        .map_err(Error::refining)
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
