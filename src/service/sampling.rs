//! Checks of the numbers of a completion.

use super::Error;
use super::api::Generate;
use super::generate::invalid;
use crate::lm::sampling::Sampling;

/// The most of the likeliest tokens that are told.
pub const MAX_LOGPROBS: usize = 20;
/// The longest deadline.
pub(super) const MAX_TIMEOUT_MS: u64 = 3_600_000;
/// Tokens that one request may bias.
pub(super) const MAX_LOGIT_BIASES: usize = 1024;

/// Checks the numbers that choose tokens.
pub(super) fn sampling(request: &Generate, vocabulary: usize) -> Result<Sampling, Error> {
    let default = Sampling::default();
    let sampling = Sampling {
        temperature: request.temperature.unwrap_or(default.temperature),
        top_p: request.top_p.unwrap_or(default.top_p),
        top_k: request.top_k.unwrap_or(default.top_k),
        min_p: request.min_p.unwrap_or(default.min_p),
        repetition_penalty: request.repetition_penalty.unwrap_or(default.repetition_penalty),
        frequency_penalty: request.frequency_penalty.unwrap_or(default.frequency_penalty),
        presence_penalty: request.presence_penalty.unwrap_or(default.presence_penalty),
        logit_bias: logit_bias(request, vocabulary)?,
    };
    let within = |x: f32, low: f32, high: f32| x.is_finite() && (low..=high).contains(&x);
    if !within(sampling.temperature, 0.0, 10.0) {
        return Err(invalid("temperature", "must be between 0 and 10"));
    }
    if !within(sampling.top_p, f32::MIN_POSITIVE, 1.0) {
        return Err(invalid("top_p", "must be above 0 and at most 1"));
    }
    if !within(sampling.min_p, 0.0, 1.0) {
        return Err(invalid("min_p", "must be between 0 and 1"));
    }
    if !within(sampling.repetition_penalty, 0.1, 10.0) {
        return Err(invalid("repetition_penalty", "must be between 0.1 and 10"));
    }
    if !within(sampling.frequency_penalty, -2.0, 2.0) {
        return Err(invalid("frequency_penalty", "must be between -2 and 2"));
    }
    if !within(sampling.presence_penalty, -2.0, 2.0) {
        return Err(invalid("presence_penalty", "must be between -2 and 2"));
    }
    check_bounds(request)?;
    Ok(sampling)
}

/// Checks what ends an answer and what is told of it.
fn check_bounds(request: &Generate) -> Result<(), Error> {
    if request.max_tokens == Some(0) {
        return Err(invalid("max_tokens", "must be at least 1"));
    }
    if request.logprobs.is_some_and(|top| top > MAX_LOGPROBS) {
        return Err(invalid("logprobs", &format!("must be at most {MAX_LOGPROBS}")));
    }
    if request.timeout_ms.is_some_and(|timeout| !(1..=MAX_TIMEOUT_MS).contains(&timeout)) {
        return Err(invalid("timeout_ms", &format!("must be between 1 and {MAX_TIMEOUT_MS}")));
    }
    if request.stop.len() > 16 || request.stop.iter().any(String::is_empty) {
        return Err(invalid("stop", "takes at most 16 texts, none of them empty"));
    }
    Ok(())
}

/// The biases of tokens, each of them known to the base.
fn logit_bias(request: &Generate, vocabulary: usize) -> Result<Vec<(u32, f32)>, Error> {
    let Some(bias) = &request.logit_bias else { return Ok(Vec::new()) };
    if bias.len() > MAX_LOGIT_BIASES {
        return Err(invalid("logit_bias", &format!("names {} tokens; {MAX_LOGIT_BIASES} are taken", bias.len())));
    }
    if let Some(token) = bias.keys().find(|token| **token as usize >= vocabulary) {
        return Err(invalid("logit_bias", &format!("has the token {token}; the base has {vocabulary}")));
    }
    if bias.values().any(|bias| !bias.is_finite() || bias.abs() > 100.0) {
        return Err(invalid("logit_bias", "each must be between -100 and 100"));
    }
    Ok(bias.iter().map(|(token, bias)| (*token, *bias)).collect())
}
