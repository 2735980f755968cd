//! What vLLM is asked: one completion, always as a stream, so that a caller who leaves ends it.

use crate::engine::Request;
use serde_json::{Map, Value, json};

/// What a body holds beside the request.
pub(super) struct Beside<'a> {
    /// The base's name at vLLM, or the adapter's id.
    pub(super) model: &'a str,
    /// The seed of the choice of tokens.
    pub(super) seed: u64,
    /// The tokens that end an answer here. vLLM's own may be fewer.
    pub(super) ends: &'a [u32],
    /// The form of the answer, as OpenAI's `response_format`.
    pub(super) form: Option<&'a Value>,
    /// What keys and values are shared with: requests of the same salt.
    pub(super) salt: &'a str,
}

/// The body of `POST /v1/completions`. Every number that chooses tokens is in it: vLLM takes what is not from the
/// model's own `generation_config.json`.
pub(super) fn body(request: &Request, beside: &Beside<'_>) -> Value {
    let sampling = &request.sampling;
    let mut body = json!({
        "model": beside.model,
        "prompt": request.prompt,
        "max_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        // It takes signed numbers: the same bits.
        "seed": beside.seed.cast_signed(),
        "stop": request.stop,
        "ignore_eos": request.ignore_end,
        "cache_salt": beside.salt,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    // Those are an answer's end too, so where the answer goes on behind it they must not be named.
    if !request.ignore_end {
        body["stop_token_ids"] = beside.ends.into();
    }
    if let Some(top) = request.logprobs {
        body["logprobs"] = top.into();
        // A token's text does not tell which token it is.
        body["return_tokens_as_token_ids"] = true.into();
    }
    if !sampling.logit_bias.is_empty() {
        let biases = sampling.logit_bias.iter().map(|(token, bias)| (token.to_string(), (*bias).into()));
        body["logit_bias"] = Value::Object(biases.collect::<Map<_, _>>());
    }
    if let Some(form) = beside.form {
        body["response_format"] = form.clone();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Merge;
    use crate::lm::sampling::Sampling;

    fn request() -> Request {
        Request {
            prompt: vec![1, 2],
            adapter: None,
            merge: Merge::Auto,
            max_tokens: 5,
            sampling: Sampling { top_k: 7, logit_bias: vec![(3, -1.5)], ..Sampling::default() },
            seed: 0,
            stop: vec!["END".into()],
            logprobs: Some(0),
            guide: None,
            ignore_end: false,
            cache_prompt: true,
            owner: "me".into(),
            deadline: None,
        }
    }

    #[test]
    fn options_have_vllms_names_and_none_is_left_to_its_defaults() {
        let beside = Beside { model: "a", seed: u64::MAX, ends: &[9], form: None, salt: "s" };
        let body = body(&request(), &beside);
        assert_eq!((&body["model"], &body["prompt"], &body["max_tokens"]), (&json!("a"), &json!([1, 2]), &json!(5)));
        for (name, value) in [("temperature", 0.0), ("top_p", 1.0), ("min_p", 0.0), ("repetition_penalty", 1.0)] {
            assert_eq!(body[name], json!(value), "{name}");
        }
        assert_eq!((&body["top_k"], &body["seed"], &body["stop"]), (&json!(7), &json!(-1), &json!(["END"])));
        assert_eq!((&body["logprobs"], &body["logit_bias"]), (&json!(0), &json!({ "3": -1.5 })));
        assert_eq!((&body["stop_token_ids"], &body["cache_salt"]), (&json!([9]), &json!("s")));
        assert!(body.get("response_format").is_none());
    }

    #[test]
    fn an_answer_that_goes_on_behind_its_end_names_no_token_that_ends_it() {
        let beside =
            Beside { model: "a", seed: 0, ends: &[9], form: Some(&json!({ "type": "json_object" })), salt: "s" };
        let request = Request { ignore_end: true, logprobs: None, ..request() };
        let body = body(&request, &beside);
        assert!(body.get("stop_token_ids").is_none() && body.get("logprobs").is_none());
        assert_eq!((&body["ignore_eos"], &body["response_format"]["type"]), (&json!(true), &json!("json_object")));
    }
}
