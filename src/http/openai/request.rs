//! What requests for completions and for chats have in common.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::{Code, Problem};
use crate::service::Generate;

/// The most answers of one request.
pub(super) const MAX_CHOICES: usize = 16;

/// One text or several.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Stop {
    /// One.
    One(String),
    /// Several.
    Any(Vec<String>),
}

impl From<Stop> for Vec<String> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::One(text) => vec![text],
            Stop::Any(texts) => texts,
        }
    }
}

/// What a stream tells beside the answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamOptions {
    /// Whether the last chunk tells the tokens of the whole request.
    #[serde(default)]
    pub(crate) include_usage: bool,
    /// Taken and without effect: chunks are not padded.
    #[serde(default)]
    #[expect(dead_code, reason = "clients may send it")]
    pub(crate) include_obfuscation: bool,
}

/// How an answer comes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    /// All of it at once.
    Whole,
    /// Piece by piece.
    Stream(StreamOptions),
}

/// What is common to requests, taken out of one.
pub(super) struct Common {
    /// The model, as the caller names it.
    pub(super) model: String,
    /// What the service is asked, without a prompt.
    pub(super) generate: Generate,
    /// Answers to each prompt.
    pub(super) choices: usize,
    /// The seed of the first answer; the others follow it.
    pub(super) seed: Option<u64>,
    /// How they come.
    pub(super) delivery: Delivery,
}

/// Structs with the fields that all requests have behind their own, and the way from them to [`Common`].
macro_rules! requests {
    ($($(#[$outer:meta])* struct $name:ident { $($(#[$inner:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$outer])*
        #[derive(Clone, Debug, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$inner])* pub(crate) $field: $type,)*
            /// The base's name, or an adapter's id or name.
            #[schema(example = "attune-demo")]
            pub(crate) model: String,
            /// A description (an extension): its adapter is generated on the fly, or found, and applied. `model` is the
            /// base then.
            #[serde(default)]
            #[schema(nullable = false, example = "write the word backwards")]
            pub(crate) task: Option<String>,
            /// The factor of the adapter's update (an extension); 1 where absent.
            #[serde(default)]
            #[schema(nullable = false)]
            pub(crate) scale: Option<f64>,
            /// Whether the adapter is merged into the weights (an extension).
            #[serde(default)]
            pub(crate) merge: crate::engine::Merge,
            /// The most tokens of an answer.
            #[serde(default)]
            #[schema(minimum = 1)]
            pub(crate) max_tokens: Option<usize>,
            /// 0 takes the likeliest token; 1 where absent.
            #[serde(default)]
            #[schema(minimum = 0, maximum = 10)]
            pub(crate) temperature: Option<f32>,
            /// Nucleus sampling.
            #[serde(default)]
            #[schema(exclusive_minimum = 0, maximum = 1)]
            pub(crate) top_p: Option<f32>,
            /// Only so many of the likeliest tokens (an extension).
            #[serde(default)]
            pub(crate) top_k: Option<usize>,
            /// Only tokens so likely relative to the likeliest (an extension).
            #[serde(default)]
            #[schema(minimum = 0, maximum = 1)]
            pub(crate) min_p: Option<f32>,
            /// Above 1 makes what was said less likely (an extension).
            #[serde(default)]
            #[schema(minimum = 0.1, maximum = 10)]
            pub(crate) repetition_penalty: Option<f32>,
            /// Above 0 makes a token less likely with each time that the answer has it.
            #[serde(default)]
            #[schema(minimum = -2, maximum = 2)]
            pub(crate) frequency_penalty: Option<f32>,
            /// Above 0 makes a token less likely once the answer has it.
            #[serde(default)]
            #[schema(minimum = -2, maximum = 2)]
            pub(crate) presence_penalty: Option<f32>,
            /// Numbers from −100 to 100 that are added to the logits of tokens, by their ids.
            #[serde(default)]
            #[schema(value_type = Option<std::collections::BTreeMap<String, f32>>)]
            pub(crate) logit_bias: Option<std::collections::BTreeMap<u32, f32>>,
            /// The form of the answer.
            #[serde(default)]
            pub(crate) response_format: Option<crate::service::ResponseFormat>,
            /// A text, or up to 16, that end the answer; they are not part of it.
            #[serde(default)]
            pub(crate) stop: Option<$crate::http::openai::request::Stop>,
            /// Repeats the choice of tokens. Where absent, each request gets another.
            #[serde(default)]
            pub(crate) seed: Option<i64>,
            /// Answers to each prompt; 1 where absent.
            #[serde(default)]
            #[schema(minimum = 1, maximum = 16)]
            pub(crate) n: Option<usize>,
            /// Whether the answer comes as server-sent events.
            #[serde(default)]
            pub(crate) stream: bool,
            /// What a stream tells beside the answer.
            #[serde(default)]
            pub(crate) stream_options: Option<$crate::http::openai::request::StreamOptions>,
            /// Whether the answer goes on whatever the model says (an extension).
            #[serde(default)]
            pub(crate) ignore_eos: bool,
            /// Whether the prefix cache may be used (an extension); true where absent.
            #[serde(default)]
            pub(crate) cache_prompt: Option<bool>,
            /// The deadline in milliseconds (an extension).
            #[serde(default)]
            #[schema(minimum = 1, maximum = 3_600_000)]
            pub(crate) timeout_ms: Option<u64>,
        }

        impl $name {
            /// What is common to requests; `base` is the base's name.
            fn common(
                &self,
                base: &str,
            ) -> Result<$crate::http::openai::request::Common, $crate::http::problem::Problem> {
                use $crate::http::openai::request;
                Ok(request::Common {
                    model: self.model.clone(),
                    choices: request::choices(self.n)?,
                    seed: self.seed.map(i64::cast_unsigned),
                    delivery: request::delivery(self.stream, self.stream_options)?,
                    generate: $crate::service::Generate {
                        adapter: request::adapter(&self.model, base, self.task.is_some())?,
                        task: self.task.clone(),
                        scale: self.scale,
                        merge: self.merge,
                        max_tokens: self.max_tokens,
                        temperature: Some(self.temperature.unwrap_or(1.0)),
                        top_p: self.top_p,
                        top_k: self.top_k,
                        min_p: self.min_p,
                        repetition_penalty: self.repetition_penalty,
                        frequency_penalty: self.frequency_penalty,
                        presence_penalty: self.presence_penalty,
                        logit_bias: self.logit_bias.clone(),
                        response_format: self.response_format.clone(),
                        stop: self.stop.clone().map(Vec::from).unwrap_or_default(),
                        ignore_eos: self.ignore_eos,
                        cache_prompt: self.cache_prompt,
                        timeout_ms: self.timeout_ms,
                        ..Default::default()
                    },
                })
            }
        }
    )+};
}

pub(crate) use requests;

/// The adapter that a model's name stands for; none for the base.
pub(super) fn adapter(model: &str, base: &str, has_task: bool) -> Result<Option<String>, Problem> {
    match model == base {
        true => Ok(None),
        false if has_task => {
            Err(Problem::field(Code::Unsupported, "model", format!("must be the base, {base}, where task is sent")))
        }
        false => Ok(Some(model.to_owned())),
    }
}

pub(super) fn choices(n: Option<usize>) -> Result<usize, Problem> {
    match n.unwrap_or(1) {
        n @ 1..=MAX_CHOICES => Ok(n),
        _ => Err(Problem::field(Code::Invalid, "n", format!("must be between 1 and {MAX_CHOICES}"))),
    }
}

pub(super) fn delivery(stream: bool, options: Option<StreamOptions>) -> Result<Delivery, Problem> {
    match (stream, options) {
        (true, options) => Ok(Delivery::Stream(options.unwrap_or_default())),
        (false, None) => Ok(Delivery::Whole),
        (false, Some(_)) => Err(Problem::field(Code::Invalid, "stream_options", "is only for a stream")),
    }
}
