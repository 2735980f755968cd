//! What a doubted adapter learns before anybody gets it: the answers of its demonstrations, or those that the base gives
//! when it is told the description. What the generator wrote and what the described base does go wrong in different ways:
//! a few steps from the one towards the other are better than either (docs/performance.md has the figures).

use super::Error;
use super::expected::{Expected, LEARNED};
use super::progress::Progress;
use super::refine::{MAX_REFINE_TOKENS, RefineContext, RefineRun, refine};
use crate::generator::{Evidence, GeneratorFile};
use crate::lora::Adapter;
use crate::task::{Base, Example};
use candle_core::Tensor;

/// Steps on the described base's answers.
const STEPS: usize = 10;
/// Steps on demonstrations, which are right where the base may be wrong.
const DEMONSTRATED_STEPS: usize = 20;
/// Parameters up to which a base on a CPU takes the steps unasked: a second or two, where more would be minutes.
const UNASKED: u64 = 10_000_000;

/// Whether adapters of a base are settled without being asked for.
pub fn is_quick(base: &Base) -> bool {
    !base.model().device().is_cpu() || base.parameters() <= UNASKED
}

/// Expected answers, and the steps towards them.
#[derive(Clone, Debug)]
pub struct Lesson {
    answers: Expected,
    run: RefineRun,
}

impl Lesson {
    /// What an adapter learns unasked, by demonstrations or a description's `prefix`; nothing where neither tells
    /// anything.
    ///
    /// # Errors
    /// Those of tokenizer and model.
    pub fn unasked(
        (base, generator): (&Base, &GeneratorFile),
        (prefix, demonstrations): (&[u32], &[Example]),
    ) -> Result<Option<Self>, Error> {
        let (config, alpha) = (base.model().config(), generator.config().alpha);
        if let Some(mut answers) = Expected::of_demonstrations(base, demonstrations, usize::MAX)? {
            answers.truncate(MAX_REFINE_TOKENS);
            return Ok(Some(Self { answers, run: RefineRun::for_base(config, alpha, DEMONSTRATED_STEPS) }));
        }
        Self::of_description((base, generator), prefix, STEPS)
    }

    /// So many steps on what the base answers behind a description's `prefix`; nothing where its context has no room.
    ///
    /// # Errors
    /// Those of tokenizer and model.
    pub fn of_description(
        (base, generator): (&Base, &GeneratorFile),
        prefix: &[u32],
        steps: usize,
    ) -> Result<Option<Self>, Error> {
        let run = RefineRun::towards_base(base.model().config(), generator.config().alpha, steps);
        let answers = Expected::of_described(base, prefix, LEARNED)?;
        // A base that gives its own answers no chance has nothing to say.
        Ok(answers.filter(|answers| answers.sureness() > 0.0).map(|answers| Self { answers, run }))
    }

    /// So many steps on answers that are right.
    pub fn of_answers((base, generator): (&Base, &GeneratorFile), answers: Expected, steps: usize) -> Self {
        Self { answers, run: RefineRun::for_base(base.model().config(), generator.config().alpha, steps) }
    }

    /// The adapter after its lesson.
    ///
    /// # Errors
    /// Those of [`refine`].
    pub fn taught(
        &self,
        (base, generator): (&Base, &GeneratorFile),
        adapter: &Adapter,
        progress: &dyn Progress,
    ) -> Result<Adapter, Error> {
        let (model, shared) = (base.model(), generator.shared());
        let context = RefineContext { model, shared, begin: base.begin(), progress };
        let b = refine(&context, &adapter.flat_b().map_err(crate::generator::Error::from)?, &self.answers, &self.run)?;
        let b = Tensor::from_vec(b, shared.layout().b_len(), model.device())?;
        Ok(Adapter::over(shared, &b, self.run.alpha).map_err(crate::generator::Error::from)?)
    }
}

/// The adapter as it is served: after its lesson where it is doubted.
///
/// # Errors
/// Those of tokenizer and model, and of [`refine`].
pub fn settled(
    (base, generator): (&Base, &GeneratorFile),
    (written, evidence): (Adapter, Evidence),
    asked: (&[u32], &[Example]),
    progress: &dyn Progress,
) -> Result<Adapter, Error> {
    if !generator.curves().doubts(evidence) || !is_quick(base) {
        return Ok(written);
    }
    match Lesson::unasked((base, generator), asked)? {
        Some(lesson) => lesson.taught((base, generator), &written, progress),
        None => Ok(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Half, Suite};
    use crate::training::comparison::{Group, unseen_inputs};
    use crate::training::expected::TRIED;
    use crate::training::test_base::base;

    #[test]
    fn no_input_that_an_adapter_learns_from_is_one_that_it_is_measured_on() {
        let (base, suite) = (base(), Suite::builtin());
        let learned: Vec<Vec<u32>> =
            LEARNED.iter().map(|input| base.prompter().question(input).expect("tokens")).collect();
        let halves = [Half::Dev, Half::Test];
        let groups = halves.iter().flat_map(|half| Group::ALL.map(|group| (group, *half)));
        for task in groups.flat_map(|(group, half)| group.tasks(&suite, half)) {
            let data = unseen_inputs(task, &base).expect("inputs");
            for piece in &data.test {
                let question = &piece.tokens[..piece.score_from];
                assert!(!learned.iter().any(|learned| learned == question), "{}", task.name);
            }
        }
    }

    #[test]
    fn the_described_base_is_asked_where_there_are_no_demonstrations_and_has_room() {
        let base = base();
        let prefix = base.prompter().prefix(Some("Do it."), &[]).expect("tokens");
        let described = Expected::of_described(&base, &prefix, LEARNED).expect("answers").expect("room");
        assert_eq!(described.pieces.len(), LEARNED.len());
        assert!((0.0..=1.0).contains(&described.sureness()));
        assert!(LEARNED.len() > TRIED.len());
        let full = vec![1; base.model().config().context];
        assert!(Expected::of_described(&base, &full, LEARNED).expect("no error").is_none());
        let mut shown: Vec<_> = (0..9).map(|i| Example::new(format!("{i}"), "x")).collect();
        shown.push(Example::Text { text: "plain".into() });
        let mut right = Expected::of_demonstrations(&base, &shown, usize::MAX).expect("tokens").expect("answers");
        assert_eq!((right.pieces.len(), right.sureness()), (9, 1.0));
        right.truncate(2 * right.pieces[0].tokens.len());
        assert_eq!((right.pieces.len(), right.weights.len()), (2, 2));
    }
}
