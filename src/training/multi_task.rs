//! A baseline: the examples of many tasks as one task's, for a single adapter that is to do them all.

use super::Error;
use super::dataset::{Kind, TaskData};
use crate::lm::Piece;
use crate::noise::Noise;
use crate::task::Prompter;

/// Whether the one adapter is told which task is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It sees the bare input, as a task's own adapter does.
    Nothing,
    /// Each input stands behind a description of its task.
    Description,
}

/// Examples of every task, of inputs with answers, `each` of them, as one task's.
///
/// # Errors
/// [`Error::NoData`] without tasks; those of the tokenizer.
pub fn multi_task(
    tasks: &[TaskData],
    prompter: &Prompter,
    told: Told,
    (each, seed): (usize, u64),
) -> Result<TaskData, Error> {
    let begin = prompter.begin().len();
    let name = match told {
        Told::Nothing => "all tasks",
        Told::Description => "all tasks described",
    };
    let mut all = TaskData {
        name: name.into(),
        descriptions: Vec::new(),
        train: Vec::new(),
        test: Vec::new(),
        shown: Vec::new(),
        kind: Kind::Answers,
    };
    for task in tasks.iter().filter(|task| task.kind == Kind::Answers) {
        let mut noise = Noise::stream(seed, &task.name);
        for index in 0..each {
            let piece = noise.pick::<Piece>(&task.train);
            let told = match told {
                Told::Nothing => piece.clone(),
                Told::Description => {
                    let text = noise.pick::<String>(&task.descriptions);
                    behind(&prompter.prefix(Some(text), &[])?[begin..], piece)
                }
            };
            if index == 0 && all.test.len() < MEASURED { all.test.push(told) } else { all.train.push(told) }
        }
    }
    if all.train.is_empty() { Err(Error::NoData { what: "training examples" }) } else { Ok(all) }
}

/// Examples that tell how far the training is.
const MEASURED: usize = 40;

fn behind(prefix: &[u32], piece: &Piece) -> Piece {
    let tokens = prefix.iter().chain(&piece.tokens).copied().collect();
    Piece { tokens, score_from: prefix.len() + piece.score_from }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::test_base::{base, constant_task};

    #[test]
    fn every_task_gives_its_share_and_only_answers_are_scored() {
        let base = base();
        let tasks = ["x", "y"].map(|a| constant_task(a, a, base.prompter()));
        let bare = multi_task(&tasks, base.prompter(), Told::Nothing, (4, 1)).expect("examples");
        assert_eq!((bare.train.len(), bare.test.len()), (6, 2));
        let described = multi_task(&tasks, base.prompter(), Told::Description, (4, 1)).expect("examples");
        for (bare, described) in bare.train.iter().zip(&described.train) {
            assert!(described.tokens.len() > bare.tokens.len() + 5);
        }
        for piece in described.train.iter().chain(&described.test) {
            assert_eq!(piece.tokens.len() - piece.score_from, 2, "a letter and the end");
        }
    }
}
