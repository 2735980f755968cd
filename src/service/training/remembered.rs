//! Tasks that a generator remembers, also where nobody has registered them: without examples to measure on, the base can
//! be told what they do, and adapters tried on what it answers (`training::agreement`).

use super::promotion::MEASURED;
use super::{Run, training};
use crate::generator::{Draw, GeneratorFile};
use crate::jobs::JobError;
use crate::task::Demonstrations;
use crate::training::Error as TrainingError;
use crate::training::expected::{Expected, TRIED};
use std::collections::HashSet;

/// How far the mean agreement may fall.
const AGREEMENT: f64 = 0.02;

/// The mean agreement of two versions' adapters with the base that is told the task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub(super) tasks: usize,
    pub(super) generated: f64,
    pub(super) before: f64,
}

impl Remembered {
    pub(super) fn keeps_up(&self) -> bool {
        self.generated >= self.before - AGREEMENT
    }
}

impl Run<'_> {
    /// Tries both versions on tasks that the active one remembers from its first training, but for those of these names: as
    /// many as are tried in seconds, spread over all. Nothing where its confidence does not go by agreement: then the base
    /// may be none that can be told.
    pub(super) fn remembered(
        &self,
        (active, file): (&GeneratorFile, &GeneratorFile),
        but: &HashSet<&str>,
    ) -> Result<Option<Remembered>, JobError> {
        if !active.asks_agreement() {
            return Ok(None);
        }
        // Of what was taught by growing the base knows nothing.
        let taught = |name: &str| active.memory().is_taught(name);
        let known = active.tasks().iter().filter(|task| !task.description.is_empty());
        let known = known.filter(|task| !but.contains(&*task.name) && !taught(&task.name));
        let known: Vec<&str> = known.map(|task| task.description.as_str()).collect();
        let some = known.iter().step_by(known.len().div_ceil(MEASURED).max(1)).copied().collect();
        let pairs = self.workers.map(some, |description| -> Result<Option<(f64, f64)>, TrainingError> {
            let nothing = Demonstrations::default();
            let raw = self.service.encoder.encode(&[(description, &nothing)])?.swap_remove(0);
            let prefix = self.service.encoder.prefix(description, &nothing)?;
            let Some(answers) = Expected::of_described(self.base(), &prefix, TRIED)? else { return Ok(None) };
            let agreement = |file: &GeneratorFile| {
                answers.agreement(self.base(), &file.generate(&file.standardised(&raw)?, Draw::Mean)?)
            };
            Ok(Some((agreement(file)?, agreement(active)?)))
        });
        let pairs: Vec<Option<(f64, f64)>> = pairs.into_iter().collect::<Result<_, _>>().map_err(training)?;
        let pairs: Vec<(f64, f64)> = pairs.into_iter().flatten().collect();
        if pairs.is_empty() {
            return Ok(None);
        }
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
        Ok(Some(Remembered { tasks: pairs.len(), generated: mean(|pair| pair.0), before: mean(|pair| pair.1) }))
    }
}

#[cfg(test)]
mod tests {
    use super::Remembered;

    #[test]
    fn a_generator_may_forget_a_little_and_no_more() {
        let after = |generated| Remembered { tasks: 60, generated, before: 0.7 }.keeps_up();
        assert!(after(0.8) && after(0.69) && !after(0.67));
    }
}
