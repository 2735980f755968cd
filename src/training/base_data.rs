//! What the demo's base model reads: described tasks, demonstrations, bare inputs and plain facts.

use super::Error;
use super::evaluate::Row;
use crate::lm::Piece;
use crate::noise::Noise;
use crate::suite::{self, Half, Part, Split, Suite, SuiteTask};
use crate::task::{Example, Prompter};

/// How many tokens a row is filled to.
const ROW_TOKENS: usize = 160;

/// The base's reading: an endless stream of rows.
pub struct BaseData {
    suite: Suite,
    statements: Vec<String>,
    prompter: Prompter,
}

/// The kinds of row, with their shares of the stream in percent.
const KINDS: [(Kind, usize); 5] = [
    (Kind::Described, 74),
    (Kind::DescribedWithDemonstrations, 9),
    (Kind::Demonstrations, 8),
    (Kind::Bare, 3),
    (Kind::Statements, 6),
];

#[derive(Clone, Copy)]
enum Kind {
    Described,
    DescribedWithDemonstrations,
    Demonstrations,
    Bare,
    Statements,
}

/// A group of tasks whose descriptions the base is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Training tasks, with a training description.
    Training,
    /// The development half of the held-out compositions.
    HeldOutCompositions,
}

impl BaseData {
    /// The stream over the built-in suite.
    pub fn new(prompter: Prompter) -> Self {
        Self { suite: Suite::builtin(), statements: suite::statements(), prompter }
    }

    /// The next row of the stream.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn row(&self, noise: &mut Noise) -> Result<Row, Error> {
        match kind(noise) {
            Kind::Described => self.described(0, noise),
            Kind::DescribedWithDemonstrations => {
                let demonstrations = 1 + noise.below(3);
                self.described(demonstrations, noise)
            }
            Kind::Demonstrations => self.demonstrated(noise),
            Kind::Bare => self.fill(
                self.prompter.prefix(None, &[])?,
                |noise| {
                    let task = self.task(noise);
                    self.piece(task, noise)
                },
                noise,
            ),
            Kind::Statements => self.fill(
                self.prompter.prefix(None, &[])?,
                |noise| Ok(self.prompter.plain(noise.pick::<String>(&self.statements))?),
                noise,
            ),
        }
    }

    /// Rows that measure the base with the description in its prompt: `tasks` tasks of a group,
    /// `inputs` unseen inputs each.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn probe(&self, probe: Probe, tasks: usize, inputs: usize) -> Result<Vec<Row>, Error> {
        let mut noise = Noise::stream(0, "base probe");
        let mut chosen: Vec<&SuiteTask> = match probe {
            Probe::Training => self.suite.training().collect(),
            Probe::HeldOutCompositions => self.suite.of(Split::HeldOutComposition(Half::Dev)).collect(),
        };
        noise.shuffle(&mut chosen);
        let row = |task: &&SuiteTask| {
            let examples = task.examples(Part::Test, inputs, &mut noise);
            let prefix = self.prompter.prefix(Some(noise.pick::<String>(&task.descriptions)), &[])?;
            let pieces = examples.iter().map(|e| self.prompter.answered(&e.input, &e.output));
            Ok(Row { prefix, pieces: pieces.collect::<Result<_, _>>()? })
        };
        chosen.iter().take(tasks).map(row).collect()
    }

    /// Atomic tasks are fewer than compositions but carry them: they get 2 in 5 draws.
    fn task(&self, noise: &mut Noise) -> &SuiteTask {
        let compositions = noise.below(5) >= 2;
        loop {
            let task = noise.pick(&self.suite.tasks);
            if task.split == Split::Train && task.is_composition() == compositions {
                return task;
            }
        }
    }

    fn piece(&self, task: &SuiteTask, noise: &mut Noise) -> Result<Piece, Error> {
        let example = task.example(Part::Train, noise);
        Ok(self.prompter.answered(&example.input, &example.output)?)
    }

    fn described(&self, demonstrations: usize, noise: &mut Noise) -> Result<Row, Error> {
        let task = self.task(noise);
        let shown = demonstrations_of(task, demonstrations, noise);
        let prefix = self.prompter.prefix(Some(&description_of(task, noise)), &shown)?;
        self.fill(prefix, |noise| self.piece(task, noise), noise)
    }

    fn demonstrated(&self, noise: &mut Noise) -> Result<Row, Error> {
        let task = self.task(noise);
        let count = 2 + noise.below(4);
        let shown = demonstrations_of(task, count, noise);
        let prefix = self.prompter.prefix(None, &shown)?;
        self.fill(prefix, |noise| self.piece(task, noise), noise)
    }

    /// Adds pieces behind a prefix until the row is full.
    fn fill(
        &self,
        prefix: Vec<u32>,
        mut piece: impl FnMut(&mut Noise) -> Result<Piece, Error>,
        noise: &mut Noise,
    ) -> Result<Row, Error> {
        let mut left = ROW_TOKENS.saturating_sub(prefix.len());
        let mut row = Row { prefix, pieces: Vec::new() };
        loop {
            let next = piece(noise)?;
            if next.tokens.len() > left && !row.pieces.is_empty() {
                return Ok(row);
            }
            left = left.saturating_sub(next.tokens.len());
            row.pieces.push(next);
        }
    }
}

fn kind(noise: &mut Noise) -> Kind {
    let mut draw = noise.below(KINDS.iter().map(|(_, share)| share).sum());
    for (kind, share) in KINDS {
        match draw.checked_sub(share) {
            Some(rest) => draw = rest,
            None => return kind,
        }
    }
    Kind::Described
}

/// One of the task's own descriptions or, half of the time, one as people would word it: a base that has read
/// templates alone knows no other word for what they ask.
fn description_of(task: &SuiteTask, noise: &mut Noise) -> String {
    match noise.below(2) {
        0 => noise.pick::<String>(&task.descriptions).clone(),
        _ => task.restyled(noise),
    }
}

fn demonstrations_of(task: &SuiteTask, count: usize, noise: &mut Noise) -> Vec<Example> {
    (0..count).map(|_| task.example(Part::Train, noise)).map(|e| Example::new(e.input, e.output)).collect()
}
