//! What answers to completions and to chats have in common.

use futures::future::try_join_all;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine;
use crate::http::problem::{Code, Problem};
use crate::service::{GenerateTimings, Generated, Piece, Prepared, Service, whole};

/// The most answers of one request, over all its prompts.
const MAX_ANSWERS: usize = 128;
/// Digits of the base's digest in a fingerprint.
const FINGERPRINT_CHARS: usize = 12;

/// What every answer and every chunk begins with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Head {
    /// The answer's id.
    id: String,
    /// What it is.
    object: &'static str,
    /// When it was begun, in seconds since 1970.
    created: i64,
    /// The model, as the request named it.
    model: String,
    /// Names the base and the version of the server: with the same one, a seed repeats an answer.
    #[schema(example = "fp_0.1.0_5f2c1e9a7b30")]
    system_fingerprint: String,
}

impl Head {
    /// The head of an answer, whose id begins with `prefix`.
    pub(super) fn new(service: &Service, (prefix, object): (&str, &'static str), model: String) -> Self {
        let digest: String = service.base().digest().chars().take(FINGERPRINT_CHARS).collect();
        Self {
            id: format!("{prefix}-{}", service.new_id()),
            object,
            created: service.now().unix_timestamp(),
            model,
            system_fingerprint: format!("fp_{}_{digest}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// Tokens read and written for a whole request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CompletionUsage)]
pub(crate) struct Usage {
    /// Tokens of the prompts, each prompt counted once.
    prompt_tokens: usize,
    /// Tokens of all answers.
    completion_tokens: usize,
    /// Both.
    total_tokens: usize,
    /// Of the prompts.
    prompt_tokens_details: PromptTokens,
}

/// What tokens of prompts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PromptTokens {
    /// Those that were not read anew.
    cached_tokens: usize,
}

impl Usage {
    /// Adds one answer, of `choices` to each prompt.
    pub(super) fn add(&mut self, index: usize, choices: usize, usage: engine::Usage) {
        if index.is_multiple_of(choices) {
            self.prompt_tokens += usage.prompt_tokens;
            self.prompt_tokens_details.cached_tokens += usage.cached_tokens;
        }
        self.completion_tokens += usage.completion_tokens;
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
    }
}

/// One answer as it comes.
pub(super) type Pieces = BoxStream<'static, Piece>;

/// Asks for `choices` answers to each prompt, of seeds that follow one another. Where one is refused the others are
/// dropped.
///
/// # Errors
/// Too many answers; those of the engine.
pub(super) async fn submit(
    service: &Service,
    prompts: &[Prepared],
    (choices, seed): (usize, Option<u64>),
) -> Result<Vec<Pieces>, Problem> {
    let answers = prompts.len() * choices;
    if answers > MAX_ANSWERS {
        let reason =
            format!("{} prompts with n {choices} are {answers} answers; {MAX_ANSWERS} are taken", prompts.len());
        return Err(Problem::field(Code::Invalid, "prompt", reason));
    }
    let seed = seed.unwrap_or_else(|| service.new_seed());
    let submit = async |index: usize| {
        let pieces = service.submit(&prompts[index / choices], seed.wrapping_add((index % choices) as u64)).await?;
        Ok::<_, Problem>(boxed(pieces))
    };
    try_join_all((0..answers).map(submit)).await
}

fn boxed(pieces: impl Stream<Item = Piece> + Send + 'static) -> Pieces {
    pieces.boxed()
}

/// Reads all answers to their ends. Where one fails the others are dropped.
///
/// # Errors
/// Those of the engine.
pub(super) async fn gather(pieces: Vec<Pieces>) -> Result<Vec<Generated>, Problem> {
    Ok(try_join_all(pieces.into_iter().map(whole)).await?)
}

/// The tokens of all answers.
pub(super) fn usage(answers: &[Generated], choices: usize) -> Usage {
    let mut sum = Usage::default();
    answers.iter().enumerate().for_each(|(index, answer)| sum.add(index, choices, answer.usage));
    sum
}

/// The longest times of any answer.
pub(super) fn timings(answers: &[Generated]) -> GenerateTimings {
    answers.iter().map(|answer| answer.timings_ms).fold(GenerateTimings::default(), |a, b| GenerateTimings {
        adapter: a.adapter.max(b.adapter),
        encode: a.encode.max(b.encode),
        generate: a.generate.max(b.generate),
        queue: a.queue.max(b.queue),
        prefill: a.prefill.max(b.prefill),
        decode: a.decode.max(b.decode),
        total: a.total.max(b.total),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_counted_once_however_many_answers_it_has() {
        let one = engine::Usage { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, cached_tokens: 4 };
        let mut sum = Usage::default();
        (0..4).for_each(|index| sum.add(index, 2, one));
        assert_eq!((sum.prompt_tokens, sum.completion_tokens, sum.total_tokens), (10, 8, 18));
        assert_eq!(sum.prompt_tokens_details.cached_tokens, 8);
    }
}
