//! One running request: what it has written, and when it ends.

use super::request::{Applied, Event, FinishReason, Request, Sink, Timings, Token, TokenLogprob, Usage};
use crate::lm::Tokenizer;
use crate::lm::sampling::log_softmax;
use crate::noise::Noise;
use std::time::Instant;

/// The state of a request from its admission on.
pub(super) struct Row {
    pub(super) request: Request,
    sink: Sink,
    noise: Noise,
    written: Vec<u32>,
    /// Tokens of the prompt that have been read.
    read: usize,
    /// Bytes of the decoded answer that have been sent.
    sent: usize,
    queued_at: Instant,
    started_at: Instant,
    first_token_at: Option<Instant>,
    applied: Applied,
}

/// Tokens of a prompt that one step reads: the scores of attention grow with them, and so does what others wait.
const PROMPT_TOKENS: usize = 256;

/// Whether a row goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    Finished,
}

impl Row {
    pub(super) fn new(request: Request, sink: Sink, queued_at: Instant, applied: Applied) -> Self {
        let noise = Noise::stream(request.seed, "sampling");
        let started_at = Instant::now();
        Self {
            request,
            sink,
            noise,
            written: Vec::new(),
            read: 0,
            sent: 0,
            queued_at,
            started_at,
            first_token_at: None,
            applied,
        }
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.sink.is_closed()
    }

    /// What the next step reads: the prompt first, a part at a time, then the last token.
    pub(super) fn input(&self) -> Vec<u32> {
        match self.written.last() {
            Some(last) => vec![*last],
            None => self.request.prompt.iter().skip(self.read).take(PROMPT_TOKENS).copied().collect(),
        }
    }

    /// Whether tokens of the prompt are left to read.
    pub(super) fn is_reading(&self) -> bool {
        self.read < self.request.prompt.len()
    }

    /// Counts what a step has read of the prompt.
    pub(super) fn has_read(&mut self) {
        self.read = (self.read + PROMPT_TOKENS).min(self.request.prompt.len());
    }

    /// Tells the caller that it cannot go on.
    pub(super) fn fail(&self, error: super::Error) {
        let _ = self.sink.send(Event::Failed(error));
    }

    /// Chooses the next token from its logits and sends what it adds.
    pub(super) fn advance(&mut self, logits: &[f32], tokenizer: &Tokenizer, ends: &[u32]) -> Next {
        let mut seen = self.request.prompt.clone();
        seen.extend(&self.written);
        let token = self.request.sampling.choose(logits, &seen, &mut self.noise);
        self.first_token_at.get_or_insert_with(Instant::now);
        self.written.push(token);
        let told = self.request.logprobs.map(|top| told(logits, token, top, tokenizer));
        if ends.contains(&token) {
            let text = self.text(&self.written[..self.written.len() - 1], tokenizer);
            return self.finish(text, told, FinishReason::Stop);
        }
        let text = self.text(&self.written, tokenizer);
        if let Some(at) = first_stop(&text, &self.request.stop) {
            return self.finish(text[..at].to_owned(), told, FinishReason::Stop);
        }
        if self.written.len() >= self.request.max_tokens {
            return self.finish(text, told, FinishReason::Length);
        }
        let safe = safe_length(&text, &self.request.stop);
        self.send(&text[..safe], told);
        Next::Continue
    }

    fn text(&self, tokens: &[u32], tokenizer: &Tokenizer) -> String {
        tokenizer.decode(tokens).unwrap_or_default()
    }

    fn send(&mut self, text: &str, token: Option<Token>) {
        let new = text.get(self.sent..).unwrap_or_default();
        if !new.is_empty() || token.is_some() {
            let _ = self.sink.send(Event::Text { text: new.to_owned(), token });
        }
        self.sent = self.sent.max(text.len());
    }

    fn finish(&mut self, text: String, token: Option<Token>, reason: FinishReason) -> Next {
        self.send(&text, token);
        let (prompt_tokens, completion_tokens) = (self.request.prompt.len(), self.written.len());
        let usage = Usage { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
        let ms = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1e3;
        let now = Instant::now();
        let first = self.first_token_at.unwrap_or(now);
        let timings = Timings {
            queue: ms(self.queued_at, self.started_at),
            prefill: ms(self.started_at, first),
            decode: ms(first, now),
        };
        let _ = self.sink.send(Event::Done { reason, usage, timings, applied: self.applied });
        Next::Finished
    }
}

/// Where the first stop text begins.
fn first_stop(text: &str, stops: &[String]) -> Option<usize> {
    stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min()
}

/// How much of a text can be sent: not the beginning of a stop text, nor of a character whose last
/// bytes have not come yet.
fn safe_length(text: &str, stops: &[String]) -> usize {
    let whole = text.trim_end_matches('\u{fffd}');
    let begins = |at: usize| stops.iter().any(|stop| !stop.is_empty() && stop.starts_with(&whole[at..]));
    whole.char_indices().map(|(at, _)| at).find(|at| begins(*at)).unwrap_or(whole.len())
}

fn told(logits: &[f32], token: u32, top: usize, tokenizer: &Tokenizer) -> Token {
    let all = log_softmax(logits, 1.0);
    let named = |id: u32| TokenLogprob {
        id,
        text: tokenizer.decode(&[id]).unwrap_or_default(),
        logprob: all.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY),
    };
    let mut ranked: Vec<u32> = (0..all.len() as u32).collect();
    ranked.sort_by(|a, b| all[*b as usize].total_cmp(&all[*a as usize]).then(a.cmp(b)));
    Token { chosen: named(token), top: ranked.into_iter().take(top).map(named).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_stop_text_is_held_back() {
        let stops = vec!["END".to_owned()];
        assert_eq!(safe_length("an answer", &stops), 9);
        assert_eq!(safe_length("an answer EN", &stops), 10);
        assert_eq!(first_stop("a END b", &stops), Some(2));
    }

    #[test]
    fn a_character_in_the_making_is_held_back() {
        assert_eq!(safe_length("caf\u{fffd}", &[]), 3);
    }
}
