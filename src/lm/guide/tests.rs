use super::*;
use crate::lm::byte_level_tokenizer_json;
use crate::lm::sampling::argmax;
use crate::noise::Noise;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// A tokenizer, the rows of its logits (more than it has tokens), its end.
fn byte_level() -> (Tokenizer, usize, u32) {
    let json = byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string();
    (Tokenizer::from_bytes(json.as_bytes()).expect("our own file"), 320, 257)
}

fn fixture(name: &str, end: &str) -> (Tokenizer, usize, u32) {
    let file = format!("{}/tests/fixtures/tokenizers/{name}/tokenizer.json", env!("CARGO_MANIFEST_DIR"));
    let tokenizer = Tokenizer::from_file(Path::new(&file)).expect("a fixture");
    let (vocabulary, end) = (tokenizer.vocab_size() + 7, tokenizer.id(end).expect("its end"));
    (tokenizer, vocabulary, end)
}

fn tokenizers() -> Vec<(Tokenizer, usize, u32)> {
    vec![
        byte_level(),
        fixture("spm_llama", "</s>"),
        fixture("spm_gemma", "<end_of_turn>"),
        fixture("phi3", "<|end|>"),
        fixture("bpe_qwen", "<|im_end|>"),
        fixture("bpe_llama3", "<|eot_id|>"),
    ]
}

fn factory() -> GuideFactory {
    let (tokenizer, vocabulary, end) = byte_level();
    GuideFactory::new(&tokenizer, vocabulary, &[end]).expect("a byte-level tokenizer")
}

fn schemas() -> Vec<Value> {
    let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let point = closed(json!({"x": {"type": "number"}, "y": {"type": "integer"}}), json!(["x", "y"]));
    vec![
        closed(json!({"name": {"type": "string"}, "at": point, "ok": {"type": "boolean"}}), json!(["name", "at"])),
        closed(json!({"list": {"type": "array", "items": point, "minItems": 1, "maxItems": 3}}), json!(["list"])),
        json!({"enum": ["rot", "grün", "a\"b\\c\n", 3, null]}),
        json!({"type": "string", "maxLength": 12}),
        json!({"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": -5, "maximum": 12}, {"type": "string"}, point]}}),
        json!({"type": "object", "properties": {"Ü ä": {"const": "ß€🦀"}, "n": {"type": ["null", "integer"]}}, "required": ["Ü ä"],
               "additionalProperties": {"type": "boolean"}}),
        json!({"$ref": "#/$defs/tree", "$defs": {"tree": closed(
            json!({"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}), json!(["value"]))}}),
    ]
}

/// An independent check of the few keywords that the schemas above use.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(map) = schema.as_object() else { return schema.as_bool().unwrap_or(false) };
    map.iter().all(|(key, rule)| match key.as_str() {
        "$ref" => fits(root, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
        "type" => match rule {
            Value::Array(any) => any.iter().any(|kind| is(kind, value)),
            kind => is(kind, value),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "anyOf" => rule.as_array().unwrap().iter().any(|option| fits(root, option, value)),
        "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => {
            rule.as_object().unwrap().iter().all(|(name, inner)| value.get(name).is_none_or(|v| fits(root, inner, v)))
        }
        "additionalProperties" => {
            let named = |name: &String| map["properties"].get(name).is_some();
            value.as_object().unwrap().iter().all(|(name, inner)| named(name) || fits(root, rule, inner))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(root, rule, item))),
        "minItems" => value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap(),
        "maxItems" => value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap(),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "maxLength" => value.as_str().unwrap().chars().count() as u64 <= rule.as_u64().unwrap(),
        "$defs" => true,
        other => panic!("the check does not know {other}"),
    })
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => value.is_number(),
    }
}

/// Logits at random that come to want an end: what opens is ever less likely, what closes ever more. Exponents
/// are unlikely from the start, because serde_json takes no number beyond f64.
struct Driver<'a> {
    tokenizer: &'a Tokenizer,
    bytes: Vec<Option<Vec<u8>>>,
    noise: Noise,
}

impl<'a> Driver<'a> {
    fn new(tokenizer: &'a Tokenizer, vocabulary: usize, seed: u64) -> Self {
        let bytes = tokenizer.token_bytes(vocabulary).expect("a known decoder");
        Self { tokenizer, bytes, noise: Noise::seeded(seed) }
    }

    fn logits(&mut self, step: usize) -> Vec<f32> {
        let mut logits = self.noise.normals(self.bytes.len());
        for (logit, bytes) in logits.iter_mut().zip(&self.bytes) {
            *logit *= 3.0;
            match bytes.as_deref() {
                Some(b"\"" | b"}" | b"]") => *logit += (step as f32 / 8.0).min(40.0),
                Some(b"," | b"{" | b"[" | b"\\") => *logit -= (step as f32 / 8.0).min(40.0),
                Some(bytes) if bytes.iter().any(|byte| matches!(byte, b'e' | b'E')) => *logit -= 6.0,
                _ => {}
            }
        }
        logits
    }

    /// The text that comes of random logits, and its tokens without the end.
    fn answer(&mut self, mut guide: Guide, end: u32) -> (String, Vec<u32>) {
        let mut tokens = Vec::new();
        for step in 0..3000 {
            let mut logits = self.logits(step);
            guide.mask(&mut logits).expect("a next token");
            if guide.is_complete() {
                let left: Vec<_> = (0..logits.len()).filter(|id| logits[*id] > f32::NEG_INFINITY).collect();
                assert_eq!(left, [end as usize], "the end is forced after the text");
            }
            let token = argmax(&logits);
            assert!(logits[token as usize] > f32::NEG_INFINITY, "something can come next");
            guide.accept(token).expect("an allowed token");
            if token == end {
                assert!(guide.is_complete());
                return (self.tokenizer.decode(&tokens).expect("its own tokens"), tokens);
            }
            assert!(self.bytes[token as usize].is_some(), "a special token came");
            tokens.push(token);
        }
        panic!("no end: {:?}", self.tokenizer.decode(&tokens));
    }
}

#[test]
fn random_logits_end_in_json_that_fits_the_schema() {
    for (tokenizer, vocabulary, end) in tokenizers() {
        let factory = GuideFactory::new(&tokenizer, vocabulary, &[end]).expect("a known tokenizer");
        for schema in schemas() {
            let guide = factory.json_schema(&schema).expect("a supported schema");
            for seed in 0..6 {
                let (text, _) = Driver::new(&tokenizer, vocabulary, seed).answer(guide.clone(), end);
                let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text:?}"));
                assert!(fits(&schema, &schema, &value), "{text:?} does not fit {schema}");
            }
        }
    }
}

#[test]
fn random_logits_end_in_an_object_without_a_schema() {
    for (tokenizer, vocabulary, end) in tokenizers() {
        let factory = GuideFactory::new(&tokenizer, vocabulary, &[end]).expect("a known tokenizer");
        for seed in 0..20 {
            let guide = factory.json_object().expect("any object");
            let (text, _) = Driver::new(&tokenizer, vocabulary, seed).answer(guide, end);
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text:?}"));
            assert!(value.is_object() && text.starts_with('{'), "{text:?}");
        }
    }
}

/// The tokens that the guide lets come next.
fn allowed(guide: &mut Guide) -> Vec<u32> {
    let mut logits = vec![0.0; guide.factory.vocabulary];
    guide.mask(&mut logits).expect("a next token");
    (0..logits.len() as u32).filter(|id| logits[*id as usize] == 0.0).collect()
}

fn accept_text(guide: &mut Guide, text: &str) {
    for byte in text.bytes() {
        guide.accept(u32::from(byte)).unwrap_or_else(|e| panic!("{e} in {text}"));
    }
}

#[test]
fn the_end_is_impossible_before_the_text_is_complete_and_forced_after() {
    let mut guide = factory()
        .json_schema(&json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}))
        .unwrap();
    assert_eq!(allowed(&mut guide), [u32::from(b'{')], "no white space, nothing else");
    for byte in br#"{"a": 12}"# {
        assert!(!allowed(&mut guide).contains(&257) && !guide.is_complete());
        assert!(matches!(guide.accept(257), Err(GuideError::Token { token: 257 })));
        guide.accept(u32::from(*byte)).expect("the text fits");
    }
    assert!(guide.is_complete());
    assert_eq!(allowed(&mut guide), [257]);
    assert!(matches!(guide.accept(32), Err(GuideError::Token { token: 32 })));
    guide.accept(257).expect("the end");
    assert!(guide.is_complete() && allowed(&mut guide) == [257]);
}

#[test]
fn where_a_text_may_end_and_may_go_on_both_are_allowed() {
    let mut guide = factory().json_schema(&json!({"type": "integer"})).unwrap();
    accept_text(&mut guide, "12");
    assert!(!guide.is_complete());
    let next = allowed(&mut guide);
    assert!(next.contains(&257) && next.contains(&u32::from(b'3')), "{next:?}");
    guide.accept(257).expect("an end");
    assert!(guide.is_complete());
}

#[test]
fn each_of_several_ends_ends_a_text() {
    let (tokenizer, vocabulary, _) = byte_level();
    let factory = GuideFactory::new(&tokenizer, vocabulary, &[257, 256]).unwrap();
    let mut guide = factory.json_schema(&json!({"const": true})).unwrap();
    accept_text(&mut guide, "true");
    assert_eq!(allowed(&mut guide), [256, 257]);
    guide.accept(256).expect("an end");
}

#[test]
fn a_clone_goes_its_own_way_from_the_same_place() {
    let mut one = factory().json_object().unwrap();
    accept_text(&mut one, "{\"a\":");
    let mut two = one.clone();
    accept_text(&mut one, "[1]}");
    accept_text(&mut two, " \"b\"");
    assert!(one.is_complete() && !two.is_complete());
    accept_text(&mut two, "}");
    assert!(two.is_complete());
}

#[test]
fn a_guide_goes_to_another_thread() {
    fn sent<T: Send + 'static>(_: &T) {}
    let factory = factory();
    sent(&factory);
    sent(&factory.json_object().unwrap());
}

#[test]
fn a_refused_token_leaves_the_guide_where_it_was() {
    let mut guide = factory().json_object().unwrap();
    for token in [u32::from(b' '), 256, 300, 5000, u32::MAX] {
        assert!(matches!(guide.accept(token), Err(GuideError::Token { .. })), "{token}");
    }
    accept_text(&mut guide, "{}");
    assert!(matches!(guide.mask(&mut [0.0; 7]), Err(GuideError::Logits { found: 7, expected: 320 })));
}

#[test]
fn white_space_is_bounded_and_a_name_cannot_come_twice_by_an_escape() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": {"type": "string"}});
    let mut guide = factory().json_schema(&schema).unwrap();
    accept_text(&mut guide, &format!("{{{}\"a\"{}:1", " ".repeat(WHITE_SPACE), "\n\t\r ".repeat(WHITE_SPACE / 4)));
    let mut other = guide.clone();
    accept_text(&mut guide, &" ".repeat(WHITE_SPACE));
    assert!(!allowed(&mut guide).contains(&u32::from(b' ')));
    accept_text(&mut other, ",\"");
    accept_text(&mut other.clone(), "a\\n\":\"\"}");
    accept_text(&mut other, "\\");
    assert!(!allowed(&mut other).contains(&u32::from(b'u')));
}

#[test]
fn a_tokenizer_without_the_bytes_for_a_text_meets_a_dead_end() {
    let mut json = byte_level_tokenizer_json(&["<eos>"]);
    json["model"]["vocab"].as_object_mut().unwrap().remove("}");
    let tokenizer = Tokenizer::from_bytes(json.to_string().as_bytes()).unwrap();
    let factory = GuideFactory::new(&tokenizer, 257, &[256]).unwrap();
    let mut guide = factory.json_schema(&json!({"type": "object", "additionalProperties": false})).unwrap();
    accept_text(&mut guide, "{");
    accept_text(&mut guide, &" ".repeat(WHITE_SPACE));
    assert!(matches!(guide.mask(&mut [0.0; 257]), Err(GuideError::DeadEnd)));
}

#[test]
fn ends_must_be_tokens_of_the_vocabulary() {
    let (tokenizer, vocabulary, _) = byte_level();
    for ends in [&[][..], &[320][..]] {
        let refused = GuideFactory::new(&tokenizer, vocabulary, ends).expect_err("no end");
        assert!(matches!(refused, GuideError::Ends { .. }), "{refused}");
    }
    let refused = GuideFactory::new(&tokenizer, usize::MAX, &[1]).expect_err("no such vocabulary");
    assert!(matches!(refused, GuideError::Vocabulary { .. }), "{refused}");
}

#[test]
fn an_invalid_or_unsupported_schema_is_an_error_that_says_so() {
    for (schema, part) in [
        (json!([]), "must be an object"),
        (json!(false), "must be an object"),
        (json!({"type": "thing"}), "thing"),
        (json!({"type": 3}), "type must be"),
        (json!({"type": ["string", "string"]}), "different"),
        (json!({"type": "array", "uniqueItems": true}), "uniqueItems"),
        (json!({"not": {"type": "null"}}), "not"),
        (json!({"type": "string", "format": "no-such"}), "no-such"),
        (json!({"type": "string", "pattern": "(a"}), "unclosed"),
        (json!({"type": "string", "minLength": 3, "maxLength": 2}), "minLength"),
        (json!({"type": "integer", "minimum": 3, "maximum": 2}), "minimum"),
        (json!({"$ref": "#/$defs/none"}), "none"),
        (json!({"$ref": "http://127.0.0.1/x"}), "127.0.0.1"),
        (json!({"allOf": [{"type": "string"}, {"type": "integer"}]}), "incompatible"),
        (json!({"oneOf": [{"type": "integer", "minimum": 1}, {"type": "integer", "maximum": 9}]}), "oneOf"),
    ] {
        let error = factory().json_schema(&schema).expect_err("not a schema to follow");
        assert!(matches!(error, GuideError::Schema { .. }), "{schema}: {error:?}");
        assert!(error.to_string().contains(part) && !error.to_string().contains('\n'), "{schema}: {error}");
    }
}

#[test]
fn the_library_s_own_options_are_not_a_request_s_to_set() {
    let schema =
        json!({"type": "array", "x-guidance": {"item_separator": ";", "whitespace_pattern": "x+", "lenient": true}});
    let mut guide = factory().json_schema(&schema).expect("the options are overwritten");
    accept_text(&mut guide, "[1, 2]");
}

#[test]
fn patterns_and_counts_that_are_large_stay_within_the_limits_of_a_step() {
    let (tokenizer, vocabulary, end) = fixture("bpe_qwen", "<|im_end|>");
    let factory = GuideFactory::new(&tokenizer, vocabulary, &[end]).unwrap();
    for schema in [
        json!({"type": "string", "pattern": "^((a{1,1000}){1,1000}){1,1000}$"}),
        json!({"type": "string", "pattern": "(a|b)*a(a|b){60}$"}),
        json!({"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}),
        json!({"type": "string", "pattern": "^(\\p{L}|\\p{N}){5,4000}$", "minLength": 3000}),
        json!({"type": "string", "minLength": 1_000_000_000}),
        json!({"type": "array", "items": {}, "minItems": 1_000_000_000, "maxItems": u64::MAX}),
        json!({"type": "number", "minimum": 1e-300, "maximum": 1.5e308, "multipleOf": 1e-9}),
        json!({"type": "array", "prefixItems": (1..1000).map(|i| json!({"type": "number", "minimum": -1e300, "maximum": f64::from(i) * 1e300})).collect::<Vec<_>>()}),
        json!({"anyOf": (0..400).map(|i| json!({"type": "object", "properties": {"k": {"type": "string"}, "v": {"const": i}}})).collect::<Vec<_>>()}),
        json!({"type": "object", "properties": (0..2000).map(|i| (format!("p{i}"), json!({"type": "string"}))).collect::<Value>()}),
    ] {
        let start = Instant::now();
        let text = schema.to_string().chars().take(80).collect::<String>();
        let outcome = factory.json_schema(&schema);
        assert!(start.elapsed() < Duration::from_secs(5), "{text} took {:?}", start.elapsed());
        let Ok(mut guide) = outcome else { continue };
        let mut driver = Driver::new(&tokenizer, vocabulary, 3);
        for step in 0..60 {
            let start = Instant::now();
            let mut logits = driver.logits(step);
            let masked = guide.mask(&mut logits);
            assert!(start.elapsed() < Duration::from_secs(1), "{text} took {:?}", start.elapsed());
            match masked.and_then(|()| guide.accept(argmax(&logits))) {
                Ok(()) if !guide.is_complete() => {}
                Ok(()) => break,
                Err(GuideError::StepTooComplex { .. }) => break,
                Err(other) => panic!("{text}: {other:?}"),
            }
        }
    }
}

#[test]
fn schemas_of_everyday_size_are_not_too_large() {
    let field = |i: usize| {
        (
            format!("field_{i}"),
            json!({"type": ["string", "null"], "description": "what it is", "enum": ["a", "b", "c", null]}),
        )
    };
    let record = json!({"type": "object", "properties": (0..60).map(field).collect::<Value>(), "required": ["field_0"], "additionalProperties": false});
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["rows", "kind", "when"],
        "properties": {
            "kind": {"type": "string", "enum": (0..500).map(|i| format!("kind {i}")).collect::<Vec<_>>()},
            "when": {"type": "string", "format": "date-time"},
            "rows": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/record"}, {"allOf": [{"$ref": "#/$defs/record"}], "title": "again"}]}},
        },
        "$defs": {"record": record},
    });
    factory().json_schema(&schema).expect("an everyday schema");
}
