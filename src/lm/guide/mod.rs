//! Text that must be JSON: which tokens may come next.
//!
//! A [`GuideFactory`] holds what depends on the tokenizer alone, a [`Guide`] the state of one answer.
//! The grammar work is llguidance's: a JSON schema becomes a grammar, and each step walks the trie of
//! the vocabulary's bytes along it. Building a factory or a guide takes milliseconds up to a second and
//! belongs off the async threads; a mask takes a fraction of a millisecond.
//!
//! A guided text begins with the value itself, not with white space, and ends with it. Between
//! its parts there may be white space, at most [`WHITE_SPACE`] characters at a time, so that a model
//! cannot dwell there. A number may have any size, as in JSON itself. Escapes are the short ones alone (`\n`, `\"`,
//! `\\` …): with `\u0061` for `a`, a property could come twice under one name.
//!
//! A schema's properties come in the order in which it names them. A keyword that is not supported is an
//! error and is never passed over.

mod bounds;
mod error;

pub use error::GuideError;

use super::Tokenizer;
use llguidance::api::{GrammarInit, ParserLimits, StopReason, TopLevelGrammar};
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{JsonCompileOptions, ParserFactory, TokenParser, panic_utils};
use serde_json::{Value, json};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// The most characters of white space between two parts of a JSON text.
pub const WHITE_SPACE: usize = 64;

/// Rows of logits: the trie keeps a token in 24 bits.
const VOCABULARY: usize = 1 << 22;
/// Bytes of all tokens together: the trie keeps a size of at most 22 bits.
const VOCABULARY_BYTES: usize = (1 << 22) - 2;
/// Longer tokens never come: the trie's depth is bounded, and such tokens are runs of spaces.
const TOKEN_BYTES: usize = 256;
/// A schema becomes a grammar by recursion, on a thread with this much stack.
const STACK_BYTES: usize = 64 << 20;

/// Makes guides for one tokenizer; cheap to clone.
#[derive(Clone)]
pub struct GuideFactory {
    inner: Arc<Inner>,
}

struct Inner {
    parsers: ParserFactory,
    vocabulary: usize,
    ends: Vec<u32>,
}

/// The state of one answer. A clone is independent, at the same place.
pub struct Guide {
    parser: TokenParser,
    factory: Arc<Inner>,
    /// Whether a token that ends the answer was taken.
    ended: bool,
}

impl GuideFactory {
    /// Builds the trie of a tokenizer's tokens. `vocabulary` is the number of a row's logits, which may be more than
    /// the tokenizer's tokens; `ends` are the tokens that end an answer.
    ///
    /// # Errors
    /// [`GuideError::Tokenizer`], [`GuideError::Vocabulary`], [`GuideError::Ends`].
    pub fn new(tokenizer: &Tokenizer, vocabulary: usize, ends: &[u32]) -> Result<Self, GuideError> {
        let Some(first) = ends.first().filter(|_| ends.iter().all(|end| (*end as usize) < vocabulary)) else {
            return Err(GuideError::Ends { ends: ends.to_vec(), vocabulary });
        };
        at_most("the number of tokens", vocabulary, VOCABULARY)?;
        let words = words(tokenizer, vocabulary, ends)?;
        let trie = TokTrie::from(&TokRxInfo::new(vocabulary as u32, *first), &words).with_eos_tokens(ends);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = SlicedBiasComputer::json_slices();
        let mut parsers = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices)
            .map_err(|e| GuideError::Failed { reason: one_line(&e.to_string()) })?;
        *parsers.quiet().limits_mut() = limits();
        Ok(Self { inner: Arc::new(Inner { parsers, vocabulary, ends: ends.to_vec() }) })
    }

    /// A guide to any JSON object.
    ///
    /// # Errors
    /// [`GuideError::Failed`] where the library does.
    pub fn json_object(&self) -> Result<Guide, GuideError> {
        self.json_schema(&json!({"type": "object"}))
    }

    /// A guide to a JSON value that fits a schema.
    ///
    /// # Errors
    /// [`GuideError::Schema`] where it is invalid, not supported or cannot be fit, [`GuideError::SchemaTooLarge`]
    /// and [`GuideError::SchemaTooComplex`] where it passes a bound.
    pub fn json_schema(&self, schema: &Value) -> Result<Guide, GuideError> {
        let mut schema = match schema {
            Value::Bool(true) => json!({}),
            Value::Object(_) => schema.clone(),
            _ => return Err(GuideError::Schema { reason: "it must be an object".to_owned() }),
        };
        bounds::check(&schema)?;
        // The library's own options stand in the schema; a request's are overwritten.
        json_options().apply_to(&mut schema);
        let parser = std::thread::scope(|scope| {
            let build = || self.parser(schema);
            let thread = std::thread::Builder::new().name("guide".to_owned()).stack_size(STACK_BYTES);
            let thread = thread.spawn_scoped(scope, build).map_err(|e| GuideError::Failed { reason: e.to_string() })?;
            thread.join().unwrap_or_else(|_| Err(GuideError::Failed { reason: "a thread panicked".to_owned() }))
        })?;
        Ok(Guide { parser, factory: self.inner.clone(), ended: false })
    }

    fn parser(&self, schema: Value) -> Result<TokenParser, GuideError> {
        let grammar = GrammarInit::Serialized(TopLevelGrammar::from_json_schema(schema));
        let parser = self.inner.parsers.create_parser_from_init_default(grammar);
        let mut parser = parser.map_err(|e| schema_error(&e.to_string()))?;
        parser.start_without_prompt();
        Ok(parser)
    }
}

impl Guide {
    /// Sets the logits of tokens that cannot come next to -inf, those that end the answer included where the text is
    /// not complete.
    ///
    /// # Errors
    /// [`GuideError::Logits`] for another number of them; [`GuideError::StepTooComplex`] and [`GuideError::DeadEnd`]
    /// where the answer cannot go on.
    pub fn mask(&mut self, logits: &mut [f32]) -> Result<(), GuideError> {
        if logits.len() != self.factory.vocabulary {
            return Err(GuideError::Logits { found: logits.len(), expected: self.factory.vocabulary });
        }
        let allowed = if self.is_complete() {
            self.parser.token_env.tok_trie().eos_token_set()
        } else {
            let mask = panic_utils::catch_unwind(AssertUnwindSafe(|| self.parser.compute_mask()));
            mask.map_err(|e| self.step_error(&e.to_string()))?
        };
        allowed.iter_unset_entries(|token| {
            if let Some(logit) = logits.get_mut(token) {
                *logit = f32::NEG_INFINITY;
            }
        });
        Ok(())
    }

    /// Takes the chosen token.
    ///
    /// # Errors
    /// [`GuideError::Token`] for one that the mask rules out, after which the guide stays where it was.
    pub fn accept(&mut self, token: u32) -> Result<(), GuideError> {
        if self.factory.ends.contains(&token) {
            let complete = self.is_complete() || self.parser.is_accepting();
            self.ended |= complete;
            return if complete { Ok(()) } else { Err(GuideError::Token { token }) };
        }
        if self.is_complete() || token as usize >= self.factory.vocabulary {
            return Err(GuideError::Token { token });
        }
        let taken = panic_utils::catch_unwind(AssertUnwindSafe(|| {
            let valid = self.parser.validate_token(token)?;
            if valid {
                self.parser.consume_token(token)?;
                self.parser.check_stop()?;
            }
            Ok(valid)
        }));
        match taken {
            Ok(true) => Ok(()),
            Ok(false) => Err(GuideError::Token { token }),
            Err(e) => Err(self.step_error(&e.to_string())),
        }
    }

    /// Whether nothing but the end can come now.
    pub fn is_complete(&self) -> bool {
        self.ended || matches!(self.parser.stop_reason(), StopReason::NoExtension | StopReason::EndOfSentence)
    }

    fn step_error(&self, message: &str) -> GuideError {
        let reason = one_line(message);
        match self.parser.stop_reason() {
            StopReason::LexerTooComplex | StopReason::ParserTooComplex => GuideError::StepTooComplex { reason },
            StopReason::NoExtensionBias => GuideError::DeadEnd,
            _ => GuideError::Failed { reason },
        }
    }
}

impl Clone for Guide {
    /// The library's own clone shares the lexer's states and their limit: there, an answer could depend on its siblings.
    fn clone(&self) -> Self {
        Self { parser: self.parser.deep_clone(), factory: self.factory.clone(), ended: self.ended }
    }
}

impl fmt::Debug for GuideFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuideFactory").field("vocabulary", &self.inner.vocabulary).finish_non_exhaustive()
    }
}

impl fmt::Debug for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guide").field("complete", &self.is_complete()).finish_non_exhaustive()
    }
}

/// The bytes of each token for the trie; empty for those that never come: special ones, ends, bytes of no UTF-8.
fn words(tokenizer: &Tokenizer, vocabulary: usize, ends: &[u32]) -> Result<Vec<Vec<u8>>, GuideError> {
    let mut words: Vec<Vec<u8>> = tokenizer
        .token_bytes(vocabulary)
        .map_err(|source| GuideError::Tokenizer { source })?
        .into_iter()
        // 0xff is in no UTF-8, and marks special tokens in the trie.
        .map(|bytes| bytes.filter(|bytes| bytes.len() <= TOKEN_BYTES && !bytes.contains(&0xff)).unwrap_or_default())
        .collect();
    for end in ends {
        words[*end as usize].clear();
    }
    at_most("the bytes of its tokens", words.iter().map(Vec::len).sum(), VOCABULARY_BYTES)?;
    Ok(words)
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), GuideError> {
    if found > limit { Err(GuideError::Vocabulary { what, found, limit }) } else { Ok(()) }
}

/// What a grammar and a step may take; the speeds are the library's figures.
fn limits() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 2_000,
        initial_lexer_fuel: 1_000_000, // about 20 ms
        step_lexer_fuel: 200_000,      // about 15 ms
        step_max_items: 50_000,        // about 3 ms
        max_lexer_states: 30_000,      // about 60 MB
        max_grammar_size: 500_000,
        // Walking the whole trie for each large pattern is no work for a request.
        precompute_large_lexemes: false,
        verbose_errors: false,
    }
}

fn json_options() -> JsonCompileOptions {
    JsonCompileOptions {
        whitespace_pattern: Some(format!(r"[\x20\x0A\x0D\x09]{{1,{WHITE_SPACE}}}")),
        json_allowed_escapes: Some("nrbtf\\\"".to_owned()),
        ..JsonCompileOptions::default()
    }
}

/// The library tells its limits from other faults in words alone.
fn schema_error(message: &str) -> GuideError {
    let reason = one_line(message);
    let limit =
        ["too big", "too large", "too many", "limit", "fuel", "exceeded", "Unable to determine", "can't determine"];
    if reason.starts_with("panic") {
        GuideError::Failed { reason }
    } else if limit.iter().any(|word| reason.contains(word)) {
        GuideError::SchemaTooComplex { reason }
    } else {
        GuideError::Schema { reason }
    }
}

/// The library's message without the state or backtrace that may follow it, on one line.
fn one_line(message: &str) -> String {
    let message = message.split("<non-verbose/>").next().unwrap_or_default();
    let lines = if message.starts_with("panic") { 1 } else { usize::MAX };
    let words: Vec<&str> = message.lines().take(lines).flat_map(str::split_whitespace).collect();
    words.join(" ").chars().take(500).collect()
}

#[cfg(test)]
mod tests;
