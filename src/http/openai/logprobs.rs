//! Tokens with their probabilities, in the two shapes of OpenAI.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::engine::{FinishReason, Token, TokenLogprob};
use crate::http::state::AppState;
use crate::service::TokenText;

/// Stands for the logarithm of 0, which JSON cannot say.
const LEAST_LOGPROB: f32 = -9999.0;

/// Tokens of a chat's answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatLogprobs {
    /// Each of them.
    content: Vec<ChatToken>,
    /// Always null.
    #[schema(value_type = Option<Object>, required = true)]
    refusal: Option<()>,
}

/// A token of a chat's answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatToken {
    #[serde(flatten)]
    chosen: TopToken,
    /// The likeliest ones, likeliest first.
    top_logprobs: Vec<TopToken>,
}

/// A token and how likely it was.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TopToken {
    /// Its text.
    token: String,
    /// Natural logarithm of its probability.
    logprob: f32,
    /// Its bytes; a token may be a part of a character.
    #[schema(required = true)]
    bytes: Option<Vec<u8>>,
}

/// Tokens of a completion.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct CompletionLogprobs {
    /// Their texts; `bytes:\xNN` where one is a part of a character.
    tokens: Vec<String>,
    /// Natural logarithms of their probabilities.
    token_logprobs: Vec<f32>,
    /// The likeliest ones at each place; null with `logprobs` 0.
    #[schema(value_type = Option<Vec<std::collections::BTreeMap<String, f32>>>, required = true)]
    top_logprobs: Option<Vec<Map<String, Value>>>,
    /// Where each begins in the text, in characters.
    text_offset: Vec<usize>,
}

/// A token whose text is known.
#[derive(Clone, Debug)]
pub(super) struct Spelled {
    chosen: (TokenText, f32),
    top: Vec<(TokenText, f32)>,
    /// Where it ends in the text, in bytes.
    end: usize,
}

/// Lets the tokens of an answer through when its text has them: those of a text that stops it, or of its end, never.
pub(super) struct Told {
    state: AppState,
    /// Whether there are texts that stop the answer.
    may_stop: bool,
    pending: VecDeque<Spelled>,
    /// Bytes of the tokens that have come, and of the text.
    spelled: usize,
    sent: usize,
    /// Whether the first token begins with a space, which the text may leave out.
    leading_space: bool,
    /// Characters of the text before the next token of a completion.
    chars: usize,
}

impl Told {
    /// For one answer, which these texts stop.
    pub(super) fn new(state: AppState, stops: &[String]) -> Self {
        let may_stop = !stops.is_empty();
        Self { state, may_stop, pending: VecDeque::new(), spelled: 0, sent: 0, leading_space: false, chars: 0 }
    }

    /// The tokens that the text has now.
    pub(super) fn push(&mut self, text: &str, token: Option<Token>) -> Vec<Spelled> {
        if let Some(token) = token {
            let spelled = self.spell(&token);
            if self.spelled == 0 {
                self.leading_space = spelled.chosen.0.text.starts_with(' ');
            }
            self.spelled = spelled.end;
            self.pending.push_back(spelled);
        }
        if self.sent == 0 && !text.is_empty() && self.leading_space && !text.starts_with(' ') {
            self.sent = 1;
        }
        self.sent += text.len();
        let mut told = Vec::new();
        while self.front_is_told() {
            told.extend(self.pending.pop_front());
        }
        told
    }

    /// The tokens that are left at the end.
    pub(super) fn end(&mut self, reason: FinishReason) -> Vec<Spelled> {
        match reason {
            FinishReason::Stop => Vec::new(),
            FinishReason::Length => self.pending.drain(..).collect(),
        }
    }

    fn front_is_told(&self) -> bool {
        let Some(front) = self.pending.front() else { return false };
        // A token without bytes ends the answer, unless something follows it.
        let goes_on = front.chosen.0.bytes.is_some() || self.pending.len() > 1;
        goes_on && (!self.may_stop || front.end <= self.sent)
    }

    fn spell(&self, token: &Token) -> Spelled {
        let service = self.state.service();
        let text = |one: &TokenLogprob| (service.token_text(one), one.logprob.max(LEAST_LOGPROB));
        let chosen = text(&token.chosen);
        let end = self.spelled + chosen.0.bytes.as_ref().map_or(0, Vec::len);
        Spelled { chosen, top: token.top.iter().map(text).collect(), end }
    }

    /// In a chat's shape.
    pub(super) fn chat(tokens: Vec<Spelled>) -> ChatLogprobs {
        let named = |(text, logprob): (TokenText, f32)| TopToken { token: text.text, logprob, bytes: text.bytes };
        let content = tokens.into_iter().map(|token| ChatToken {
            chosen: named(token.chosen),
            top_logprobs: token.top.into_iter().map(named).collect(),
        });
        ChatLogprobs { content: content.collect(), refusal: None }
    }

    /// In a completion's shape.
    pub(super) fn completion(&mut self, tokens: Vec<Spelled>) -> CompletionLogprobs {
        let mut told = CompletionLogprobs::default();
        let mut top_logprobs = Vec::new();
        for Spelled { chosen: (text, logprob), top, .. } in tokens {
            told.text_offset.push(self.chars);
            // Each character has one byte that is no continuation.
            self.chars += text.bytes.iter().flatten().filter(|byte| **byte & 0xc0 != 0x80).count();
            let mut likeliest = Map::new();
            for (text, logprob) in &top {
                likeliest.entry(legacy(text)).or_insert((*logprob).into());
            }
            if !top.is_empty() {
                likeliest.entry(legacy(&text)).or_insert(logprob.into());
                top_logprobs.push(likeliest);
            }
            told.tokens.push(legacy(&text));
            told.token_logprobs.push(logprob);
        }
        told.top_logprobs = (!top_logprobs.is_empty()).then_some(top_logprobs);
        told
    }
}

fn legacy(text: &TokenText) -> String {
    match &text.bytes {
        Some(bytes) if std::str::from_utf8(bytes).is_err() => {
            bytes.iter().fold("bytes:".to_owned(), |all, byte| format!("{all}\\x{byte:02x}"))
        }
        _ => text.text.clone(),
    }
}
