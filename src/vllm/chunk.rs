//! The events of a streamed completion, as vLLM writes them.

use super::Error;
use super::client::error_message;
use crate::engine::{FinishReason, Token, TokenLogprob, Usage};
use crate::lm::Tokenizer;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// What one event says.
#[derive(Debug, PartialEq)]
pub(super) enum Chunk {
    /// A piece of the answer.
    Piece(Piece),
    /// The tokens of the whole.
    Usage(Usage),
    /// Nothing more comes.
    Done,
}

/// A piece of the answer.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// The tokens that it came with, where they were asked for.
    pub(super) tokens: Vec<Token>,
    /// Why the answer ends, in its last piece.
    pub(super) finish: Option<FinishReason>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<BodyUsage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    text: String,
    #[serde(default)]
    logprobs: Option<Logprobs>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Logprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f32>>,
    #[serde(default)]
    top_logprobs: Option<Vec<Option<HashMap<String, f32>>>>,
}

#[derive(Deserialize)]
struct BodyUsage {
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: Option<usize>,
    #[serde(default)]
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: Option<usize>,
}

/// Reads the data of an event. `top` is how many of the likeliest tokens were asked for.
///
/// # Errors
/// [`Error::Away`] where vLLM gives the answer up, or its words are not those of its interface.
pub(super) fn read(data: &str, top: usize, tokenizer: &Tokenizer) -> Result<Chunk, Error> {
    if data == "[DONE]" {
        return Ok(Chunk::Done);
    }
    let strange = |what: &str| Error::away(format!("vLLM's answer cannot be read: {what}"));
    let value: Value = serde_json::from_str(data).map_err(|_| strange("an event is no JSON"))?;
    if let Some(reason) = error_message(&value) {
        return Err(Error::away(format!("vLLM gives the answer up: {reason}")));
    }
    let body: Body = serde_json::from_value(value).map_err(|error| strange(&error.to_string()))?;
    let Some(choice) = body.choices.into_iter().next() else {
        let usage = body.usage.ok_or_else(|| strange("an event holds nothing"))?;
        return Ok(Chunk::Usage(usage.into()));
    };
    let finish = choice.finish_reason.as_deref().map(finish).transpose()?;
    let tokens = choice.logprobs.map(|logprobs| tokens(logprobs, top, tokenizer)).unwrap_or(Some(Vec::new()));
    let tokens = tokens.ok_or_else(|| strange("a token has no number"))?;
    Ok(Chunk::Piece(Piece { text: choice.text, tokens, finish }))
}

fn finish(reason: &str) -> Result<FinishReason, Error> {
    match reason {
        "stop" => Ok(FinishReason::Stop),
        "length" => Ok(FinishReason::Length),
        other => Err(Error::away(format!("vLLM ended the answer before its end: {other}"))),
    }
}

fn tokens(logprobs: Logprobs, top: usize, tokenizer: &Tokenizer) -> Option<Vec<Token>> {
    let mut likeliest = logprobs.top_logprobs.unwrap_or_default().into_iter();
    let chosen = logprobs.tokens.iter().zip(logprobs.token_logprobs);
    let token = |(token, logprob): (&String, Option<f32>)| {
        let chosen = told(token, logprob.unwrap_or(f32::NEG_INFINITY), tokenizer)?;
        let all = likeliest.next().flatten().unwrap_or_default();
        let all = all.iter().map(|(token, logprob)| told(token, *logprob, tokenizer));
        let mut all: Vec<TokenLogprob> = all.collect::<Option<_>>()?;
        // The chosen one is among them wherever it stands, and ties are in the order of their numbers, as here.
        all.sort_by(|a, b| b.logprob.total_cmp(&a.logprob).then(a.id.cmp(&b.id)));
        all.truncate(top);
        Some(Token { chosen, top: all })
    };
    chosen.map(token).collect()
}

/// A token by its name, `token_id:17`.
fn told(name: &str, logprob: f32, tokenizer: &Tokenizer) -> Option<TokenLogprob> {
    let id = name.strip_prefix("token_id:")?.parse().ok()?;
    Some(TokenLogprob { id, text: tokenizer.decode(&[id]).unwrap_or_default(), logprob })
}

impl From<BodyUsage> for Usage {
    fn from(usage: BodyUsage) -> Self {
        let completion_tokens = usage.completion_tokens.unwrap_or(0);
        let cached_tokens = usage.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0);
        let prompt_tokens = usage.prompt_tokens;
        Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, cached_tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::byte_level_tokenizer_json;
    use serde_json::json;

    fn chunk(data: &Value) -> Result<Chunk, Error> {
        let tokenizer = Tokenizer::from_bytes(byte_level_tokenizer_json(&["<eos>"]).to_string().as_bytes());
        read(&data.to_string(), 1, &tokenizer.unwrap())
    }

    #[test]
    fn pieces_tokens_and_usage_are_read() {
        let data = json!({ "id": "cmpl-1", "model": "a", "choices": [{ "index": 0, "text": "ab", "finish_reason": "length",
            "logprobs": { "tokens": ["token_id:97", "token_id:98"], "token_logprobs": [-0.5, -2.0],
                "top_logprobs": [{ "token_id:97": -0.5, "token_id:98": -1.0 }, { "token_id:98": -2.0, "token_id:99": -0.1 }],
                "text_offset": [0, 1] } }] });
        let Ok(Chunk::Piece(piece)) = chunk(&data) else { panic!("no piece") };
        assert_eq!((piece.text.as_str(), piece.finish), ("ab", Some(FinishReason::Length)));
        let told: Vec<_> = piece.tokens.iter().map(|token| (token.chosen.text.as_str(), token.top[0].id)).collect();
        assert_eq!(told, [("a", 97), ("b", 99)]);
        let data = json!({ "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7,
            "prompt_tokens_details": { "cached_tokens": 4 } } });
        let usage = Usage { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, cached_tokens: 4 };
        assert_eq!(chunk(&data), Ok(Chunk::Usage(usage)));
    }

    #[test]
    fn an_answer_that_vllm_gives_up_is_no_answer() {
        for (data, part) in [
            (json!({ "error": { "message": "out of memory", "code": 500 } }), "out of memory"),
            (json!({ "object": "error", "message": "an older one" }), "an older one"),
            (json!({ "choices": [{ "text": "", "finish_reason": "abort" }] }), "abort"),
            (
                json!({ "choices": [{ "text": "", "logprobs": { "tokens": ["a"], "token_logprobs": [-1.0] } }] }),
                "number",
            ),
            (json!({}), "holds nothing"),
        ] {
            let error = chunk(&data).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
