//! An answer's text as its tokens come: what can be sent, and where a stop text ends it.

use super::request::{Token, TokenLogprob};
use crate::lm::sampling::{log_softmax, ranked};
use crate::lm::{TextStream, Tokenizer};

/// The text of an answer in the making.
pub(super) struct Written {
    stream: TextStream,
    tokens: usize,
    stops: Vec<String>,
    /// Text that is decoded and not sent: it may be the beginning of a stop text.
    held: String,
    stopped: bool,
}

impl Written {
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stream: TextStream::default(), tokens: 0, stops, held: String::new(), stopped: false }
    }

    /// How many tokens were written.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Whether a stop text has come.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes a token that is no part of the text.
    pub(super) fn end(&mut self, _end: u32) -> String {
        self.tokens += 1;
        String::new()
    }

    /// Takes a token; gives the text that can be sent.
    pub(super) fn push(&mut self, token: u32, tokenizer: &Tokenizer) -> String {
        self.tokens += 1;
        let new = self.stream.push(token, tokenizer);
        self.release(&new)
    }

    /// What is left to send when nothing more comes.
    pub(super) fn rest(&mut self, tokenizer: &Tokenizer) -> String {
        if self.stopped {
            return String::new();
        }
        let last = self.stream.finish(tokenizer);
        let mut rest = self.release(&last);
        if !self.stopped {
            rest.push_str(&std::mem::take(&mut self.held));
        }
        rest
    }

    fn release(&mut self, new: &str) -> String {
        self.held.push_str(new);
        if let Some(at) = first_stop(&self.held, &self.stops) {
            self.stopped = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let safe = safe_length(&self.held, &self.stops);
        let rest = self.held.split_off(safe);
        std::mem::replace(&mut self.held, rest)
    }
}

/// Where the first stop text begins.
fn first_stop(text: &str, stops: &[String]) -> Option<usize> {
    stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min()
}

/// How much of a text can be sent: not what may be the beginning of a stop text.
fn safe_length(text: &str, stops: &[String]) -> usize {
    let begins = |at: usize| stops.iter().any(|stop| !stop.is_empty() && stop.starts_with(&text[at..]));
    text.char_indices().map(|(at, _)| at).find(|at| begins(*at)).unwrap_or(text.len())
}

/// A token and the likeliest ones, by their logits.
pub(super) fn told(logits: &[f32], token: u32, top: usize, tokenizer: &Tokenizer) -> Token {
    let all = log_softmax(logits, 1.0);
    let named = |id: u32| TokenLogprob {
        id,
        text: tokenizer.decode(&[id]).unwrap_or_default(),
        logprob: all.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY),
    };
    Token { chosen: named(token), top: ranked(&all, top).into_iter().map(named).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::byte_level_tokenizer_json;

    fn tokenizer() -> Tokenizer {
        Tokenizer::from_bytes(byte_level_tokenizer_json(&["<eos>"]).to_string().as_bytes()).expect("our own")
    }

    /// The pieces that are sent of a text that comes byte by byte, the rest at last.
    fn pieces(text: &str, stops: &[&str]) -> Vec<String> {
        let tokenizer = tokenizer();
        let mut written = Written::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
        let mut pieces = Vec::new();
        for byte in text.bytes() {
            pieces.push(written.push(u32::from(byte), &tokenizer));
            if written.is_stopped() {
                return pieces;
            }
        }
        pieces.push(written.rest(&tokenizer));
        pieces
    }

    #[test]
    fn a_stop_text_never_leaks_nor_does_its_beginning() {
        let sent = pieces("an answer END of it", &["END"]);
        assert_eq!(sent.concat(), "an answer ");
        assert!(sent.iter().all(|piece| !piece.contains('E')), "{sent:?}");
    }

    #[test]
    fn what_only_looked_like_a_stop_text_is_sent() {
        assert_eq!(pieces("ENE", &["END"]).concat(), "ENE");
        assert_eq!(pieces("a EN", &["END", "xyz"]).concat(), "a EN");
    }

    #[test]
    fn a_character_in_the_making_is_held_back() {
        let sent = pieces("café!", &[]);
        assert_eq!(sent.concat(), "café!");
        assert!(sent.iter().all(|piece| !piece.contains('\u{fffd}')), "{sent:?}");
    }

    #[test]
    fn bytes_that_end_in_the_middle_of_a_character_are_told_as_such() {
        let tokenizer = tokenizer();
        let mut written = Written::new(Vec::new());
        let mut text = written.push(b'a'.into(), &tokenizer);
        text += &written.push(0xc3, &tokenizer);
        text += &written.rest(&tokenizer);
        assert_eq!(text, "a\u{fffd}");
    }
}
