//! The numbers of a job's training: the trainer's own for the base, the job's where it has its own, and what they
//! take in memory.

use super::{Run, training};
use crate::jobs::{Arch, GeneratorJob, JobError, Stage};
use crate::lm::Recompute;
use crate::lora::SharedA;
use crate::training::adapter_trainer::AdapterRun;
use crate::training::dataset::{Kind, TaskData};
use crate::training::generator_trainer::GeneratorRun;
use crate::training::plan::StepPlan;

impl Run<'_> {
    /// The trainer's numbers for the base, and the job's where it has its own.
    pub(super) fn adapter_run(
        &self,
        alpha: f64,
        (seed, steps, rate): (Option<u64>, Option<u32>, Option<f64>),
    ) -> AdapterRun {
        let own = AdapterRun::for_base(self.base().model().config());
        let mut run = AdapterRun { alpha, seed: seed.unwrap_or(0), ..own };
        if let Some(steps) = steps {
            run.schedule.steps = steps as usize;
            run.schedule.decay = run.schedule.steps / 2;
        }
        run.schedule.peak = rate.unwrap_or(run.schedule.peak);
        run
    }

    /// Whether layers are computed once more, by what is asked for or by the memory that there is; the job's log says
    /// what a pass will take.
    /// `beside` are the bytes of what is trained.
    pub(super) fn recompute(
        &self,
        (tokens, beside): (usize, u64),
        wanted: Option<bool>,
    ) -> Result<Recompute, JobError> {
        let wanted = wanted.map(|again| if again { Recompute::Layers } else { Recompute::Never });
        let model = self.base().model();
        let available = model.device().is_cpu().then(|| (self.available_memory)()).flatten();
        let available = available.map(|bytes| bytes.saturating_sub(model.written_out_bytes() + beside));
        let plan = StepPlan::fit(self.base().model().config(), tokens, wanted, available).map_err(training)?;
        self.context.log(format!(
            "a pass of {tokens} tokens takes some {} MiB beside the weights{}",
            (plan.bytes + model.written_out_bytes() + beside) >> 20,
            match plan.recompute {
                Recompute::Never => "",
                Recompute::Layers => ", with gradient checkpointing: a step takes about a third longer",
            }
        ));
        Ok(plan.recompute)
    }
}

/// Bytes of so many rows' adapters in training: their B as it is made, scaled and moved, its gradient and its two moments.
pub(super) fn adapter_bytes(shared: &SharedA, rows: usize) -> u64 {
    6 * 4 * (shared.layout().b_len() * rows) as u64
}

/// How a generator learns the tasks. `text_tokens` are those of a row of an adapter's training.
pub(super) fn generator_run(job: &GeneratorJob, grows: bool, tasks: &[TaskData], text_tokens: usize) -> GeneratorRun {
    let mut run = match (grows, job.arch) {
        (true, _) => GeneratorRun::growing(tasks.len()),
        (false, Arch::Cvae) => GeneratorRun::default(),
        (false, Arch::IcmConv) => GeneratorRun::icm_conv(),
    };
    if tasks.iter().any(|task| task.kind != Kind::Answers) {
        run = run.for_texts(text_tokens);
    }
    run.seed = job.seed.unwrap_or(0);
    for (stage, plan) in
        [(Stage::Reconstruction, &mut run.reconstruction), (Stage::CrossEntropy, &mut run.cross_entropy)]
    {
        if let Some(steps) = job.steps {
            plan.schedule.steps = steps as usize;
            plan.schedule.decay = plan.schedule.steps / 2;
        }
        plan.schedule.peak = job.learning_rate.unwrap_or(plan.schedule.peak);
        if !job.stages.contains(&stage) {
            plan.schedule.steps = 0;
        }
    }
    run
}
