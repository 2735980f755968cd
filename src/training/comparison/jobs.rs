//! The rows that are scored: one for each task, seed and method (and description, where the method reads it).

use super::controls::{Condition, Known, other_task};
use super::{Comparison, Drawn, Method, Subject};
use crate::generator::{Draw, blend_weights};
use crate::lm::{Piece, RowAdapters};
use crate::lora::Adapter;
use crate::noise::Noise;
use crate::task::{Demonstrations, Example};
use crate::training::Error;
use crate::training::agreement::tried;
use crate::training::best_of::{Samples, best_of};
use crate::training::dataset::TaskData;
use crate::training::evaluate::{Row, exact_matches, rate};
use crate::training::expected::Expected;
use crate::training::progress::{Report, Silent};
use crate::training::settle::{Lesson, settled};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of one pass.
const ROWS: usize = 4;
/// Samples of which the best is kept.
const SAMPLES: usize = 8;
/// Gradient steps of a refinement.
const REFINE_STEPS: usize = 20;
/// Tokens that stand behind a description's prefix when it is read: the encoder's probes.
const PROBE_TOKENS: usize = 64;

/// One row to score, and through what.
pub(super) struct Job {
    pub(super) task: usize,
    pub(super) seed: usize,
    pub(super) method: Method,
    pub(super) prefix: Vec<u32>,
    pub(super) data: Arc<TaskData>,
    pub(super) through: Through,
}

/// What a row goes through. Adapters are made when their row's turn comes: all together would fill the memory.
pub(super) enum Through {
    Base,
    Adapter(Arc<Adapter>),
    /// The adapter of this standardised condition.
    Condition(Condition),
    /// The weighted mean of the generated adapters of these training tasks.
    Blend(Vec<(f64, String)>),
    /// The adapter of a description and demonstrations.
    Written {
        description: String,
        shown: Vec<Example>,
    },
    /// What is served for a description and demonstrations: [`Through::Written`], or the best of several samples by
    /// these demonstrations, settled where it is doubted.
    Served {
        description: String,
        shown: Vec<Example>,
        draw: Option<Samples>,
    },
    /// The best of several samples of a condition by demonstrations.
    Best {
        condition: Condition,
        chosen_by: Vec<Example>,
        samples: Samples,
    },
    /// Some steps on demonstrations, from what is written or from zero.
    Refined {
        start: Option<Box<Through>>,
        shown: Vec<Example>,
    },
}

/// All that is scored.
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// By task and description.
    pub(super) conditions: Vec<Vec<Condition>>,
}

/// One row's place in the plan.
struct Place<'a> {
    task: usize,
    seed: usize,
    which: usize,
    drawn: &'a Drawn,
    description: &'a str,
}

/// The first of the demonstrations that fit before `room` more tokens in the base's context.
///
/// # Errors
/// Those of the tokenizer.
pub fn fitting<'e>(
    base: &crate::task::Base,
    description: Option<&str>,
    shown: &'e [Example],
    room: usize,
) -> Result<&'e [Example], Error> {
    let most = base.model().config().context.saturating_sub(room);
    let mut count = shown.len();
    while count > 0 && base.prompter().prefix(description, &shown[..count])?.len() > most {
        count -= 1;
    }
    Ok(&shown[..count])
}

impl Comparison<'_> {
    pub(super) fn plan(&self, (subjects, known): (&[Subject], &Known), methods: &[Method]) -> Result<Plan, Error> {
        let conditions = self.workers.map(subjects.iter().collect(), |subject| {
            Ok(self.conditions(&subject.descriptions)?.into_iter().map(Arc::new).collect::<Vec<_>>())
        });
        let conditions = conditions.into_iter().collect::<Result<_, Error>>()?;
        let mut plan = Plan { jobs: Vec::new(), conditions };
        let mean = match methods.contains(&Method::MeanAdapter) {
            true => self.mean_adapter(known)?.map(Arc::new),
            false => None,
        };
        for (task, subject) in subjects.iter().enumerate() {
            for (seed, drawn) in subject.draws.iter().enumerate() {
                for (which, description) in subject.descriptions.iter().enumerate() {
                    let place = Place { task, seed, which, drawn, description };
                    for method in methods.iter().filter(|method| which == 0 || method.reads_description()) {
                        let through = match method {
                            Method::MeanAdapter => mean.clone().map(Through::Adapter),
                            _ => self.through(*method, (&place, subjects), (&plan.conditions, known)),
                        };
                        let Some(through) = through else { continue };
                        let (prefix, data) = (self.prefix(*method, &place)?, Arc::clone(&drawn.data));
                        plan.jobs.push(Job { task, seed, method: *method, prefix, data, through });
                    }
                }
            }
        }
        Ok(plan)
    }

    /// What stands before the inputs.
    fn prefix(&self, method: Method, place: &Place<'_>) -> Result<Vec<u32>, Error> {
        let (description, shown) = match method {
            Method::BaseDescription => (Some(place.description), [].as_slice()),
            Method::BaseDemonstrations => (None, place.drawn.few()),
            Method::BaseDemonstrations10 => (None, place.drawn.many.as_slice()),
            Method::BaseDescriptionDemonstrations => (Some(place.description), place.drawn.few()),
            _ => return Ok(self.base.begin().to_vec()),
        };
        let shown = fitting(self.base, description, shown, place.drawn.data.longest())?;
        Ok(self.base.prompter().prefix(description, shown)?)
    }

    /// What a row goes through; none where the method cannot apply.
    fn through(
        &self,
        method: Method,
        (place, subjects): (&Place<'_>, &[Subject]),
        (conditions, known): (&[Vec<Condition>], &Known),
    ) -> Option<Through> {
        let (subject, condition) = (&subjects[place.task], &conditions[place.task][place.which]);
        let seed = place.seed as u64;
        let said = || place.description.to_owned();
        let written = |shown: &[Example]| Through::Written { description: said(), shown: shown.to_vec() };
        let samples = Samples { seed, count: SAMPLES };
        let served =
            |description, shown: &[Example]| Through::Served { description, shown: shown.to_vec(), draw: None };
        let many = || place.drawn.many.clone();
        let refined = |start| Through::Refined { start, shown: many() };
        Some(match method {
            Method::BaseBare
            | Method::BaseDescription
            | Method::BaseDemonstrations
            | Method::BaseDemonstrations10
            | Method::BaseDescriptionDemonstrations => Through::Base,
            // It is one for all.
            Method::MeanAdapter => return None,
            // Conditions are standardised: nothing but zeros is the mean of all.
            Method::ConstantCondition => Through::Condition(Arc::new(vec![0.0; condition.len()])),
            Method::RandomDescription => {
                let label = format!("random description {} {}", subject.name, place.which);
                let description = known.random_sentence(place.description, &mut Noise::stream(seed, &label));
                served(description, &[])
            }
            Method::ShuffledDescription => {
                let other = &subjects[other_task(place.task, subjects.len(), seed)].descriptions;
                served(other[place.which % other.len()].clone(), &[])
            }
            Method::NearestAdapter => {
                let nearest = self.neighbours(condition, &subject.name).into_iter().next()?;
                Through::Blend(vec![(1.0, nearest.name)])
            }
            Method::NearestBlend => {
                let near = self.neighbours(condition, &subject.name);
                near.first()?;
                let weights = blend_weights(&near);
                Through::Blend(weights.into_iter().zip(near.into_iter().map(|near| near.name)).collect())
            }
            Method::PriorMean => Through::Condition(Arc::clone(condition)),
            Method::Generated => served(said(), &[]),
            Method::GeneratedDemonstrated => served(said(), place.drawn.few()),
            Method::GeneratedDemonstrated10 => served(said(), &place.drawn.many),
            Method::BestOfN => Through::Best { condition: Arc::clone(condition), chosen_by: many(), samples },
            Method::BestOfNDemonstrated => Through::Served { description: said(), shown: many(), draw: Some(samples) },
            Method::Refined => refined(Some(Box::new(written(&place.drawn.many)))),
            Method::RefinedFromZero => refined(None),
        })
    }

    /// The share of right answers of each job.
    pub(super) fn hits(&self, name: &str, (jobs, known): (&[Job], &Known)) -> Result<Vec<f64>, Error> {
        let done = AtomicUsize::new(0);
        let parts = self.workers.map(jobs.chunks(ROWS).collect(), |chunk| -> Result<Vec<f64>, Error> {
            if self.progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let adapters = chunk.iter().map(|job| self.adapter(&job.through, known)).collect::<Result<Vec<_>, _>>()?;
            let rows: Vec<Row> = chunk.iter().map(|job| job.data.test_row(&job.prefix)).collect();
            let refs: Vec<_> = adapters.iter().map(|a| a.as_deref().map(|a| (a, 1.0))).collect();
            let adapters = RowAdapters::of_rows(&refs, self.base.model().dtype())?;
            let hits = exact_matches(self.base.model(), &rows, &adapters)?;
            let step = done.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            self.progress.report(&Report { phase: name, step, total: jobs.len(), metrics: &[] });
            Ok(hits.iter().map(rate).collect())
        });
        Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The adapter that a row goes through; none for the base.
    pub(super) fn adapter(&self, through: &Through, known: &Known) -> Result<Option<Arc<Adapter>>, Error> {
        Ok(match through {
            Through::Base => None,
            Through::Adapter(adapter) => Some(Arc::clone(adapter)),
            Through::Blend(parts) => Some(Arc::new(self.blend(parts, known)?)),
            Through::Best { condition, chosen_by, samples } => {
                Some(Arc::new(best_of(self.base, self.generator, (condition, chosen_by), *samples)?))
            }
            Through::Served { description, shown, draw } => Some(Arc::new(self.served(description, shown, *draw)?)),
            Through::Refined { start, shown } => Some(Arc::new(self.refined(start.as_deref(), shown, known)?)),
            Through::Condition(_) | Through::Written { .. } => match self.condition(through)? {
                Some(condition) => Some(Arc::new(self.generator.generate(&condition, Draw::Mean)?)),
                None => None,
            },
        })
    }

    fn condition(&self, through: &Through) -> Result<Option<Condition>, Error> {
        Ok(match through {
            Through::Condition(condition) => Some(Arc::clone(condition)),
            Through::Written { description, shown } => {
                Some(Arc::new(self.read(description, &self.read_demonstrations(description, shown)?)?))
            }
            Through::Base
            | Through::Adapter(_)
            | Through::Blend(_)
            | Through::Served { .. }
            | Through::Best { .. }
            | Through::Refined { .. } => None,
        })
    }

    /// The demonstrations that are read with a description: those that fit.
    fn read_demonstrations(&self, description: &str, shown: &[Example]) -> Result<Demonstrations, Error> {
        let shown = fitting(self.base, Some(description), shown, PROBE_TOKENS)?;
        Demonstrations::new(shown.to_vec()).map_err(|_| Error::NoData { what: "demonstrations" })
    }

    /// The standardised condition of a description and demonstrations.
    fn read(&self, description: &str, shown: &Demonstrations) -> Result<Vec<f32>, Error> {
        let raw = self.encoder().encode(&[(description, shown)])?.swap_remove(0);
        Ok(self.generator.standardised(&raw)?)
    }

    /// What the service makes of a description and demonstrations by default, or with `samples`.
    fn served(&self, description: &str, shown: &[Example], draw: Option<Samples>) -> Result<Adapter, Error> {
        let shown = self.read_demonstrations(description, shown)?;
        let condition = self.read(description, &shown)?;
        let written = match draw {
            None => self.generator.generate(&condition, Draw::Mean)?,
            Some(samples) => best_of(self.base, self.generator, (&condition, shown.examples()), samples)?,
        };
        if !self.generator.settles() {
            return Ok(written);
        }
        let prefix = self.encoder().prefix(description, &shown)?;
        let asked = (prefix.as_slice(), shown.examples());
        let evidence = self.generator.evidence(&condition, tried(self.base, &written, asked)?)?;
        settled((self.base, self.generator), (written, evidence), asked, &Silent)
    }

    /// What the service makes of `refine`, with the steps of the comparison.
    fn refined(&self, start: Option<&Through>, shown: &[Example], known: &Known) -> Result<Adapter, Error> {
        let of = (self.base, self.generator);
        let start = match start.map(|start| self.adapter(start, known)).transpose()?.flatten() {
            Some(adapter) => adapter,
            None => Arc::new(self.adapter_of(&vec![0.0; self.generator.config().layout.b_len()])?),
        };
        let pieces: Vec<Piece> =
            shown.iter().map(|example| self.base.prompter().scored(example)).collect::<Result<_, _>>()?;
        Lesson::of_answers(of, Expected::alike(pieces), REFINE_STEPS).taught(of, &start, &Silent)
    }
}
