//! Schemas of types that belong to modules which know no HTTP. Each mirror below describes the JSON of the type it
//! is paired with; the tests hold the two together.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{engine, generator, jobs, lora, store, task};

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct Binary(Vec<u8>);

macro_rules! described {
    ($($real:ty = $mirror:ident,)+) => {$(
        impl PartialSchema for $real {
            fn schema() -> RefOr<Schema> {
                $mirror::schema()
            }
        }

        impl ToSchema for $real {
            fn name() -> Cow<'static, str> {
                <$mirror as ToSchema>::name()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $mirror::schemas(schemas);
            }
        }
    )+};
}

described! {
    task::Example = Example,
    lora::Module = Module,
    generator::Confidence = Confidence,
    generator::Nearest = NearestTask,
    generator::Answer = Answer,
    engine::Merge = Merge,
    engine::Applied = Applied,
    engine::FinishReason = FinishReason,
    engine::Usage = Usage,
    engine::Token = Token,
    store::AdapterKind = AdapterKind,
    store::TaskRecord = TaskRecord,
    store::JobState = JobState,
    store::Scope = Scope,
    store::Progress = Progress,
    jobs::JobSpec = JobSpec,
}

macro_rules! mirrors {
    ($($(#[$outer:meta])* struct $name:ident { $($(#[$inner:meta])* $field:ident: $type:ty,)+ })+) => {$(
        #[derive(Serialize, ToSchema)]
        $(#[$outer])*
        struct $name { $($(#[$inner])* $field: $type,)+ }
    )+};
}

mirrors! {
    /// An input and what it should give.
    struct AnsweredExample {
        /// What the task is done to.
        input: String,
        /// The output, or a list of accepted ones.
        output: Outputs,
    }

    /// Plain text, to be gone on with in its manner.
    struct TextExample {
        /// The text.
        text: String,
    }

    /// The generator's trust in an adapter.
    struct Confidence {
        /// From 0 to 1: the calibrated chance that the adapter does its task, with the steps that it took.
        #[schema(minimum = 0, maximum = 1)]
        score: f64,
        /// Whether the score is at least one half.
        in_distribution: bool,
        /// The nearest training tasks, nearest first.
        nearest_tasks: Vec<NearestTask>,
        /// Where the description stands among the training tasks of `GET /generators/{id}/map`. Absent in adapters of older
        /// versions of attune.
        position: Option<[f32; 2]>,
        /// How far the adapter, before any steps, answers as it should where it was tried, from 0 to 1: as the demonstrations say, or else as
        /// the base does that is told the description. Absent where it was not tried.
        #[schema(minimum = 0, maximum = 1)]
        agreement: Option<f64>,
        /// How the weights came about.
        applied: Answer,
    }

    /// A training task and how near it is.
    struct NearestTask {
        /// Its name.
        name: String,
        /// Cosine of the conditions, from −1 to 1.
        similarity: f64,
    }

    /// Tokens read and written.
    struct Usage {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens of the answer, its end included.
        completion_tokens: usize,
        /// Both.
        total_tokens: usize,
        /// Tokens of the prompt that were not read anew.
        cached_tokens: usize,
    }

    /// One token of an answer.
    struct Token {
        /// Its id.
        id: u32,
        /// Its text.
        text: String,
        /// Natural logarithm of its probability, before temperature and filters.
        logprob: f32,
        /// The likeliest ones, likeliest first.
        top: Vec<TokenLogprob>,
    }

    /// A token and how likely it was.
    struct TokenLogprob {
        /// Its id.
        id: u32,
        /// Its text.
        text: String,
        /// Natural logarithm of its probability.
        logprob: f32,
    }

    /// A training task. Its examples are not shown.
    #[schema(as = Task)]
    struct TaskRecord {
        /// Its name.
        name: String,
        /// One or more wordings.
        descriptions: Vec<String>,
        /// Digest of its examples.
        examples_digest: String,
        /// How many examples it has.
        example_count: u64,
        /// How many of them are for training: all that are not marked `test`.
        train_count: u64,
        /// How many of them are marked `test`.
        test_count: u64,
        /// 1, and one more with every change.
        version: u64,
        /// When it was made.
        #[schema(value_type = String, format = DateTime)]
        created_at: String,
        /// When it last changed.
        #[schema(value_type = String, format = DateTime)]
        updated_at: String,
    }

    /// How far a job is.
    struct Progress {
        /// What it does now.
        phase: String,
        /// Steps of the phase done.
        step: u64,
        /// Steps of the phase in all; 0 where that is not known.
        total: u64,
    }

    /// Parameters of an adapter's training.
    struct AdapterJob {
        /// The registered task.
        task: String,
        /// Repeats a run; 0 where it is not said.
        seed: Option<u64>,
        /// Optimiser steps.
        #[schema(minimum = 1, maximum = 10_000_000)]
        steps: Option<u32>,
        /// Peak learning rate.
        #[schema(exclusive_minimum = 0, maximum = 1)]
        learning_rate: Option<f64>,
        /// Tokens that go through the base together.
        #[schema(minimum = 16, maximum = 1_048_576)]
        batch_tokens: Option<u32>,
        /// Batches whose gradients make one step.
        #[schema(minimum = 1, maximum = 1024)]
        gradient_accumulation_steps: Option<u32>,
        /// Whether layers are computed once more in the backward pass; where it is not said, if memory wants it.
        gradient_checkpointing: Option<bool>,
    }

    /// What to train, and how it is to be treated in the queue.
    #[schema(as = TrainJob)]
    struct JobSpec {
        #[serde(flatten)]
        kind: JobKind,
        /// Of the jobs that wait, the one with the highest is taken first, of its equals the oldest.
        #[schema(required = false, minimum = -100, maximum = 100, default = 0)]
        priority: i32,
        /// How long an attempt may take before the job has failed; what the worker allows where it is not said.
        #[schema(minimum = 1, maximum = 2_592_000)]
        timeout_seconds: Option<u32>,
    }

    /// Parameters of a generator's training.
    struct GeneratorJob {
        /// The tasks to train on.
        tasks: Selection,
        /// The architecture.
        #[schema(required = false, default = "cvae")]
        arch: Arch,
        /// What it begins from.
        #[schema(required = false, default = "active")]
        init: Init,
        /// The stages, in order. A generator that grows from the active one passes reconstruction over.
        #[schema(required = false, min_items = 1)]
        stages: Vec<Stage>,
        /// Repeats a run; 0 where it is not said.
        seed: Option<u64>,
        /// Optimiser steps of each stage.
        #[schema(minimum = 1, maximum = 10_000_000)]
        steps: Option<u32>,
        /// Peak learning rate.
        #[schema(exclusive_minimum = 0, maximum = 1)]
        learning_rate: Option<f64>,
        /// Whether layers are computed once more in the backward pass; where it is not said, if memory wants it.
        gradient_checkpointing: Option<bool>,
    }
}

macro_rules! word_mirrors {
    ($($(#[$outer:meta])* enum $name:ident { $($body:tt)+ })+) => {$(
        #[derive(Serialize, ToSchema)]
        $(#[$outer])*
        #[expect(dead_code, reason = "it only describes")]
        enum $name { $($body)+ }
    )+};
}

word_mirrors! {
    /// One output, or a list of accepted ones.
    #[serde(untagged)]
    enum Outputs { One(String), Any(Vec<String>) }

    /// One example of a task. Those of one task are all of one kind.
    #[serde(untagged)]
    enum Example { Answered(AnsweredExample), Text(TextExample) }

    /// A linear layer that an adapter can change.
    #[serde(rename_all = "snake_case")]
    #[expect(clippy::enum_variant_names, reason = "the names are Hugging Face's")]
    enum Module { QProj, KProj, VProj, OProj, GateProj, UpProj, DownProj, QkvProj, GateUpProj }

    /// Whether the adapter is merged into the weights for the request.
    #[serde(rename_all = "lowercase")]
    enum Merge { Auto, Always, Never }

    /// How the adapter was applied.
    #[serde(rename_all = "lowercase")]
    enum Applied { Merged, Unmerged, None }

    /// How an adapter's weights came about: the generator wrote them for the description; it wrote them, and they took some
    /// steps, asked for or not, towards the examples or the described base's own answers; or they are a mean of what it writes for the
    /// nearest training tasks.
    #[serde(rename_all = "lowercase")]
    enum Answer { Generated, Settled, Blended }

    /// Why the answer ended.
    #[serde(rename_all = "lowercase")]
    enum FinishReason { Stop, Length }

    /// Where an adapter comes from.
    #[serde(rename_all = "lowercase")]
    enum AdapterKind { Generated, Trained, Imported }

    /// What a key may do: look, make and use adapters, change tasks and train, or all of it and manage keys.
    #[serde(rename_all = "lowercase")]
    enum Scope { Read, Generate, Train, Admin }

    /// Where a job stands. One that is `waiting` waits for the jobs that it needs.
    #[serde(rename_all = "lowercase")]
    enum JobState { Queued, Running, Cancelling, Succeeded, Failed, Cancelled, Waiting }

    /// What to train.
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum JobKind { Adapter(AdapterJob), Generator(GeneratorJob) }

    /// `all`, or the tasks' names.
    #[serde(untagged)]
    enum Selection { All(All), Names(Vec<String>) }

    /// All registered tasks.
    #[serde(rename_all = "lowercase")]
    enum All { All }

    /// A generator's architecture.
    #[serde(rename_all = "kebab-case")]
    enum Arch { Cvae, IcmConv }

    /// What a generator begins from: the active one, which it grows from, or random weights.
    #[serde(rename_all = "snake_case")]
    enum Init { Active, Random }

    /// A stage of a generator's training.
    #[serde(rename_all = "snake_case")]
    enum Stage { Reconstruction, CrossEntropy }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Serialize;
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::*;

    /// The mirror has the fields of the value, no more and no fewer.
    fn assert_fields<T: ToSchema + Serialize>(value: &T) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&schema["properties"]), keys(&serde_json::to_value(value).unwrap()), "{}", T::name());
    }

    /// The mirror's words are those that the type's values are written as.
    fn assert_words<T: ToSchema + Serialize>(values: &[T]) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::to_value(values).unwrap(), "{}", T::name());
    }

    #[test]
    fn mirrors_have_the_fields_of_their_types() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let chosen = engine::TokenLogprob { id: 1, text: "a".to_owned(), logprob: -1.0 };
        assert_fields(&engine::Usage::default());
        assert_fields(&engine::Token { chosen, top: Vec::new() });
        assert_fields(&store::Progress::default());
        assert_fields(&generator::Confidence {
            score: 0.5,
            in_distribution: true,
            nearest_tasks: Vec::new(),
            position: Some([0.0, 0.0]),
            agreement: Some(0.5),
            applied: generator::Answer::Generated,
        });
        assert_fields(&generator::Nearest { name: String::new(), similarity: 0.5 });
        assert_fields(&store::TaskRecord {
            name: String::new(),
            descriptions: Vec::new(),
            examples_digest: String::new(),
            example_count: 0,
            train_count: 0,
            test_count: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        });
    }

    #[test]
    fn mirrors_have_the_words_of_their_types() {
        use engine::{Applied, FinishReason, Merge};
        use store::{AdapterKind, JobState, Scope};
        assert_words(&lora::Module::ALL);
        assert_words(&[Merge::Auto, Merge::Always, Merge::Never]);
        assert_words(&[Applied::Merged, Applied::Unmerged, Applied::None]);
        assert_words(&[generator::Answer::Generated, generator::Answer::Settled, generator::Answer::Blended]);
        assert_words(&[FinishReason::Stop, FinishReason::Length]);
        assert_words(&[Scope::Read, Scope::Generate, Scope::Train, Scope::Admin]);
        assert_words(&[AdapterKind::Generated, AdapterKind::Trained, AdapterKind::Imported]);
        let running = [JobState::Queued, JobState::Running, JobState::Cancelling];
        let ended = [JobState::Succeeded, JobState::Failed, JobState::Cancelled];
        assert_words(&[&running[..], &ended, &[JobState::Waiting]].concat());
    }

    #[test]
    fn an_examples_mirrors_have_its_fields() {
        let fields = |schema: RefOr<Schema>| serde_json::to_value(schema).unwrap()["properties"].clone();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        for (schema, example) in [
            (AnsweredExample::schema(), task::Example::new("a", "b")),
            (TextExample::schema(), task::Example::plain("a")),
        ] {
            assert_eq!(keys(&fields(schema)), keys(&serde_json::to_value(example).unwrap()));
        }
    }

    #[test]
    fn a_jobs_mirror_has_its_fields() {
        let body = json!({ "task": "a", "seed": 1, "steps": 2, "learning_rate": 0.1, "batch_tokens": 64,
                           "gradient_accumulation_steps": 2, "gradient_checkpointing": true });
        let fields = |schema: RefOr<Schema>| serde_json::to_value(schema).unwrap()["properties"].clone();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&fields(AdapterJob::schema())), keys(&body));
        serde_json::from_value::<jobs::AdapterJob>(body).unwrap();
        let body = json!({ "tasks": "all", "arch": "icm-conv", "init": "random", "stages": ["reconstruction", "cross_entropy"], "seed": 1,
                           "steps": 2, "learning_rate": 0.1, "gradient_checkpointing": false });
        assert_eq!(keys(&fields(GeneratorJob::schema())), keys(&body));
        serde_json::from_value::<jobs::GeneratorJob>(body).unwrap();
    }
}
