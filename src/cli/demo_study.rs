//! `attune demo study`: what each choice in a generator's training is worth. Every variation is trained anew on the
//! build's base and adapters, with the same steps and seed, and measured; an interrupted study goes on where it was.

use super::demo_measure::{Adapters, held_out};
use super::demo_phases::{self, Recipe};
use super::demo_recipe::HiddenPart;
use super::demo_study_plot;
use super::terminal::Terminal;
use crate::suite::{Half, Suite};
use crate::training::Workers;
use crate::training::progress::{CancelFlag, Progress};
use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Subject {
    /// The number of training tasks: 50, 100, 200, … and all
    Tasks,
    /// What the generator sees of a description
    Condition,
    /// What the second stage learns from
    Objective,
}

#[derive(Debug, Args)]
pub(super) struct Study {
    /// What is varied
    #[arg(value_enum)]
    subject: Subject,
    /// The folder of a build: its base and adapters are used, and what the study makes goes to `study/` in it
    #[arg(long, env = "ATTUNE_DEMO_OUT", default_value = "demo-build")]
    out: PathBuf,
    /// Threads that train
    #[arg(long, env = "ATTUNE_THREADS", default_value_t = 2)]
    threads: usize,
    /// Which half of the held-out tasks is measured: dev to choose by, test to report
    #[arg(long, value_enum, default_value_t = StudyHalf::Dev)]
    half: StudyHalf,
    #[command(flatten)]
    recipe: Recipe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StudyHalf {
    /// The half to tune with
    Dev,
    /// The reported half
    Test,
}

/// One variation and what it came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    /// The variation.
    pub(super) name: String,
    /// Training tasks.
    pub(super) tasks: usize,
    /// Exact match on unseen inputs of training tasks, by descriptions that training did not see.
    pub(super) train: f64,
    /// Of held-out compositions.
    pub(super) heldout_compositions: f64,
    /// Of training and measuring.
    pub(super) minutes: f64,
    /// The half that was measured.
    pub(super) half: String,
    /// The recipe, as text: another one is another study.
    pub(super) recipe: String,
}

impl Study {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let workers = Workers::new(self.threads).context("cannot start threads")?;
        let progress = Terminal::new(CancelFlag::default());
        let built = Recipe::of_folder(&self.out)?;
        let recipe = Recipe {
            out: self.out,
            // What the base and the adapters were made with.
            rank: built.rank,
            adapter_tasks: built.adapter_tasks,
            adapter_steps: built.adapter_steps,
            ..self.recipe
        };
        let half = if self.half == StudyHalf::Dev { Half::Dev } else { Half::Test };
        let name = self.subject.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let dir = recipe.out.join("study");
        let mut points = Vec::new();
        for (variation, recipe) in self.subject.variations(&recipe) {
            let place = dir.join(&name).join(&variation);
            std::fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
            let recipe = Recipe { place: Some(place.clone()), ..recipe };
            points.push(point((variation, &place), &recipe, half, (&workers, &progress))?);
            let path = dir.join(format!("{name}.json"));
            std::fs::write(&path, serde_json::to_string_pretty(&points)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        progress.clear();
        if self.subject == Subject::Tasks {
            let path = dir.join(format!("{name}.svg"));
            std::fs::write(&path, demo_study_plot::svg(&points)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        super::print(&table(&points))
    }
}

impl Subject {
    fn variations(self, recipe: &Recipe) -> Vec<(String, Recipe)> {
        let all = Suite::builtin().training().count();
        let named = |name: &str, recipe: Recipe| (name.to_owned(), recipe);
        let hiding = |hide: &[HiddenPart]| Recipe { hide: hide.to_vec(), ..recipe.clone() };
        match self {
            Self::Tasks => std::iter::successors(Some(50), |count| Some(count * 2))
                .take_while(|count| *count < all)
                .chain([all])
                .map(|tasks| (tasks.to_string(), Recipe { tasks, ..recipe.clone() }))
                .collect(),
            Self::Condition => {
                use HiddenPart::{EndTap, Last, Mean, MiddleTap, Probes};
                vec![
                    named("everything", recipe.clone()),
                    named("no-tokens", Recipe { heads: 0, ..recipe.clone() }),
                    named("tokens-alone", hiding(&[Mean, Last, Probes])),
                    named("mean-alone", Recipe { heads: 0, ..hiding(&[Last, Probes]) }),
                    named("last-alone", Recipe { heads: 0, ..hiding(&[Mean, Probes]) }),
                    named("no-probes", hiding(&[Probes])),
                    named("middle-alone", hiding(&[EndTap])),
                    named("end-alone", hiding(&[MiddleTap])),
                ]
            }
            Self::Objective => vec![
                named("labels", Recipe { distil: 0.0, explore: 1, ..recipe.clone() }),
                named("half-distilled", Recipe { distil: 0.5, explore: 1, ..recipe.clone() }),
                named("distilled", Recipe { distil: 1.0, explore: 1, ..recipe.clone() }),
                named("best-of-two", Recipe { distil: 0.0, explore: 2, ..recipe.clone() }),
                named("templates-alone", Recipe { restyled: 0, ..recipe.clone() }),
            ],
        }
    }
}

/// Trains and measures one variation, or takes what was found before.
fn point(
    (name, place): (String, &Path),
    recipe: &Recipe,
    half: Half,
    (workers, progress): (&Workers, &dyn Progress),
) -> anyhow::Result<Point> {
    let path = place.join("point.json");
    let (half_name, text) = (format!("{half:?}").to_lowercase(), serde_json::to_string(recipe)?);
    if let Ok(bytes) = std::fs::read(&path) {
        let found: Point = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged: remove it to measure anew", path.display()))?;
        anyhow::ensure!(
            found.half == half_name && found.recipe == text,
            "{} was made with another recipe or half: give the same options, or remove the folder to begin anew",
            place.display()
        );
        return Ok(found);
    }
    let started = Instant::now();
    let base = recipe.base()?;
    let generator = demo_phases::trained_generator(recipe, &base, workers, progress)?;
    let means = held_out((&generator, Adapters::Written), &base, half, (workers, progress))?.means;
    let mean = |group: &str| means.iter().find(|(name, _)| *name == group).map_or(0.0, |(_, mean)| *mean);
    let point = Point {
        name,
        tasks: generator.tasks().len(),
        train: mean("train"),
        heldout_compositions: mean("heldout_compositions"),
        minutes: started.elapsed().as_secs_f64() / 60.0,
        half: half_name,
        recipe: text,
    };
    std::fs::write(&path, serde_json::to_string(&point)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(point)
}

fn table(points: &[Point]) -> String {
    let mut text =
        format!("{:<18}{:>8}{:>18}{:>24}{:>10}", "variation", "tasks", "train", "held-out compositions", "minutes");
    for point in points {
        let Point { name, tasks, train, heldout_compositions, minutes, .. } = point;
        text.push_str(&format!("\n{name:<18}{tasks:>8}{train:>18.3}{heldout_compositions:>24.3}{minutes:>10.1}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_varies_the_recipe_under_names_of_their_own() {
        let recipe = Recipe::of_folder(Path::new("no such folder")).expect("defaults");
        for subject in Subject::value_variants() {
            let variations = subject.variations(&recipe);
            let names: std::collections::HashSet<&String> = variations.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), variations.len());
        }
        let tasks: Vec<usize> = Subject::Tasks.variations(&recipe).iter().map(|(_, recipe)| recipe.tasks).collect();
        assert!(tasks.starts_with(&[50, 100, 200, 400, 800]) && tasks.is_sorted());
    }
}
