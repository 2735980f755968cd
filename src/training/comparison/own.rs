//! A user's own tasks, each by the measure that suits its outputs.

use super::jobs::Job;
use super::{Comparison, Known, Method, Subject};
use crate::lm::sampling::argmax;
use crate::lm::{CachedText, Piece, Products, RowAdapters, StepAdapter};
use crate::lora::Adapter;
use crate::task::{Base, Example};
use crate::training::Error;
use crate::training::dataset::Kind;
use crate::training::evaluate::{Row, exact_matches};
use crate::training::progress::Report;
use crate::training::rouge::{rouge_l, words};
use crate::training::score::TextLoss;
use crate::training::statistics::mean_of;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a task's answers are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// The share of answers that are right to the letter: of short outputs.
    ExactMatch,
    /// The mean ROUGE-L of greedy completions: of free text.
    RougeL,
    /// How well plain texts are foretold; the lower the better.
    BitsPerCharacter,
}

impl Metric {
    /// Its key in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExactMatch => "exact_match",
            Self::RougeL => "rouge_l",
            Self::BitsPerCharacter => "bits_per_character",
        }
    }
}

/// A task of the user's own.
#[derive(Clone, Debug)]
pub struct OwnTask {
    /// Descriptions and examples, of one draw.
    pub subject: Subject,
    /// The unseen examples in words; none of plain texts.
    pub test: Vec<Example>,
}

/// What a method gave on a task.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// By the task's metric.
    pub score: f64,
    /// Of plain texts.
    pub perplexity: Option<f64>,
}

/// One task's scores.
#[derive(Clone, Debug)]
pub struct OwnScores {
    /// The task.
    pub name: String,
    /// How it is judged.
    pub metric: Metric,
    /// By method; one that cannot apply is left out.
    pub methods: BTreeMap<Method, Measured>,
}

/// The methods that need nothing but tasks.
pub const OWN_METHODS: [Method; 6] = [
    Method::BaseBare,
    Method::BaseDescription,
    Method::BaseDemonstrations,
    Method::MeanAdapter,
    Method::NearestAdapter,
    Method::Generated,
];
/// Outputs of more words than this, on average, are free text.
const SHORT_WORDS: f64 = 3.0;
/// Unseen examples that are completed: each is written token by token.
const COMPLETED: usize = 20;
/// Tokens of a completion at most.
const COMPLETION_TOKENS: usize = 128;

impl OwnTask {
    /// How it is judged.
    pub fn metric(&self) -> Metric {
        if self.subject.draws.iter().any(|drawn| drawn.data.kind != Kind::Answers) {
            return Metric::BitsPerCharacter;
        }
        let lengths: Vec<f64> = self.test.iter().map(|example| words(target(example)).len() as f64).collect();
        if mean_of(&lengths) > SHORT_WORDS { Metric::RougeL } else { Metric::ExactMatch }
    }
}

impl Comparison<'_> {
    /// Measures [`OWN_METHODS`] on each task.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of base and generator.
    pub fn measure_own(&self, tasks: &[OwnTask], known: &Known) -> Result<Vec<OwnScores>, Error> {
        let subjects: Vec<Subject> = tasks.iter().map(|task| task.subject.clone()).collect();
        let mut plan = self.plan((&subjects, known), &OWN_METHODS)?;
        // A text has no prompt that a description could stand in.
        plan.jobs.retain(|job| job.data.kind == Kind::Answers || job.prefix == self.base.begin());
        let (done, total) = (AtomicUsize::new(0), plan.jobs.len());
        let measured = self.workers.map(plan.jobs.iter().collect(), |job: &Job| -> Result<Measured, Error> {
            if self.progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let adapter = self.adapter(&job.through, known)?;
            let measured = self.measure_one(&tasks[job.task], &job.prefix, adapter.as_deref())?;
            let step = done.fetch_add(1, Ordering::Relaxed) + 1;
            self.progress.report(&Report { phase: "tasks", step, total, metrics: &[] });
            Ok(measured)
        });
        let mut all: BTreeMap<(usize, Method), Vec<Measured>> = BTreeMap::new();
        for (job, measured) in plan.jobs.iter().zip(measured) {
            all.entry((job.task, job.method)).or_default().push(measured?);
        }
        let scores = |(index, task): (usize, &OwnTask)| OwnScores {
            name: task.subject.name.clone(),
            metric: task.metric(),
            methods: OWN_METHODS.iter().filter_map(|m| Some((*m, Measured::mean(all.get(&(index, *m))?)))).collect(),
        };
        Ok(tasks.iter().enumerate().map(scores).collect())
    }

    /// Measures a task behind a prefix and through an adapter, or through none.
    ///
    /// # Errors
    /// Those of the base.
    pub fn measure_one(&self, task: &OwnTask, prefix: &[u32], adapter: Option<&Adapter>) -> Result<Measured, Error> {
        let model = self.base.model();
        let rows = || RowAdapters::of_rows(&[adapter.map(|adapter| (adapter, 1.0))], model.dtype());
        let data = task.subject.draws.first().map(|drawn| &drawn.data).ok_or(Error::NoData { what: "examples" })?;
        match (task.metric(), data.kind) {
            (Metric::BitsPerCharacter, Kind::Texts { characters }) => {
                let loss = TextLoss::measure(model, (&data.test, characters), &rows()?)?;
                Ok(Measured { score: loss.bits_per_character(), perplexity: Some(loss.perplexity()) })
            }
            (Metric::RougeL, _) => self.rouge(task, prefix, adapter),
            _ => {
                let (row, of) = accepted_row(self.base, &task.test, prefix)?;
                let hits = exact_matches(model, &[row], &rows()?)?.concat();
                let right = |index: usize| hits.iter().zip(&of).any(|(hit, example)| *hit && *example == index);
                let rates: Vec<f64> = (0..task.test.len()).map(|index| f64::from(u8::from(right(index)))).collect();
                Ok(Measured { score: mean_of(&rates), perplexity: None })
            }
        }
    }

    fn rouge(&self, task: &OwnTask, prefix: &[u32], adapter: Option<&Adapter>) -> Result<Measured, Error> {
        let model = self.base.model();
        let adapter = adapter.map(|adapter| StepAdapter::new(adapter, model.dtype(), model.device())).transpose()?;
        let mut scores = Vec::new();
        for example in task.test.iter().take(COMPLETED) {
            let Example::Answered { input, output } = example else { continue };
            let prompt = [prefix, &self.base.prompter().question(input)?].concat();
            let answer = completion(self.base, &prompt, adapter.as_ref())?;
            scores.push(output.accepted().iter().map(|wanted| rouge_l(wanted, &answer)).fold(0.0, f64::max));
        }
        Ok(Measured { score: mean_of(&scores), perplexity: None })
    }
}

impl Measured {
    fn mean(all: &[Self]) -> Self {
        let perplexities: Option<Vec<f64>> = all.iter().map(|measured| measured.perplexity).collect();
        Self {
            score: mean_of(&all.iter().map(|measured| measured.score).collect::<Vec<_>>()),
            perplexity: perplexities.map(|all| mean_of(&all)),
        }
    }
}

fn target(example: &Example) -> &str {
    match example {
        Example::Answered { output, .. } => output.target(),
        Example::Text { text } => text,
    }
}

/// A piece for each accepted output of each example, and which example it is of.
fn accepted_row(base: &Base, test: &[Example], prefix: &[u32]) -> Result<(Row, Vec<usize>), Error> {
    let (mut pieces, mut of): (Vec<Piece>, Vec<usize>) = (Vec::new(), Vec::new());
    for (index, example) in test.iter().enumerate() {
        let Example::Answered { input, output } = example else { continue };
        for wanted in output.accepted() {
            pieces.push(base.prompter().answered(input, wanted)?);
            of.push(index);
        }
    }
    Ok((Row { prefix: prefix.to_vec(), pieces }, of))
}

/// The likeliest continuation, token by token, up to the answer's end.
fn completion(base: &Base, prompt: &[u32], adapter: Option<&StepAdapter>) -> Result<String, Error> {
    let model = base.model();
    let room = model.config().context.saturating_sub(prompt.len()).min(COMPLETION_TOKENS);
    if room == 0 || prompt.is_empty() {
        return Ok(String::new());
    }
    let mut text = CachedText::new(model, prompt.len() + room, adapter.map(|adapter| (adapter, 1.0)))?;
    let (mut next, mut answer) = (prompt.to_vec(), Vec::new());
    for _ in 0..room {
        let token = argmax(&text.read(&next, Products::Blocks)?);
        if base.ends().contains(&token) {
            break;
        }
        answer.push(token);
        next = vec![token];
    }
    Ok(base.prompter().tokenizer().decode(&answer)?)
}
