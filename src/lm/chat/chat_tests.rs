//! Renderings are held against those of transformers, in `tests/fixtures/chat`.

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chat/chat.json");

fn fixed_clock() -> time::OffsetDateTime {
    time::macros::datetime!(2026-03-05 14:07:09 UTC)
}

fn user(content: &str) -> Vec<ChatMessage> {
    vec![ChatMessage { role: "user".into(), content: content.into() }]
}

fn render(source: &str) -> Result<String, Error> {
    ChatTemplate::new(source, Specials::default())?.render(&user("hello"), GenerationPrompt::Add)
}

#[test]
fn published_templates_render_as_transformers_renders_them() {
    let fixture: serde_json::Value = serde_json::from_slice(&std::fs::read(FIXTURE).unwrap()).unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, case) in fixture["templates"].as_object().unwrap() {
        let specials = Specials::from_config(&case["specials"]).unwrap();
        let template = ChatTemplate::with_clock(case["template"].as_str().unwrap(), specials, fixed_clock).unwrap();
        for rendering in case["renderings"].as_array().unwrap() {
            let chat = rendering["chat"].as_str().unwrap();
            let messages: Vec<ChatMessage> = serde_json::from_value(fixture["chats"][chat].clone()).unwrap();
            let add = rendering["add_generation_prompt"].as_bool().unwrap();
            let prompt = if add { GenerationPrompt::Add } else { GenerationPrompt::Omit };
            let (expected, refused) = (rendering["text"].as_str(), rendering["refused"].as_str());
            match template.render(&messages, prompt) {
                Ok(text) if Some(text.as_str()) == expected => count += 1,
                Err(Error::Refused { reason }) if Some(reason.as_str()) == refused => count += 1,
                other => {
                    wrong.push(format!("{name}, {chat}, {prompt:?}: {other:#?}\nexpected {expected:#?} {refused:?}"))
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n\n"), wrong.len());
    assert!(count > 200);
}

/// Tokenizer folders with the chats that transformers rendered by them; those with tools are left.
#[test]
fn tokenizers_of_every_family_render_as_transformers_renders_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let folder = entry.unwrap().path();
        let Ok(expected) = std::fs::read(folder.join("expected.json")) else { continue };
        let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
        let config = std::fs::read(folder.join("tokenizer_config.json")).unwrap();
        let config = serde_json::from_slice(&config).unwrap();
        let jinja = std::fs::read_to_string(folder.join("chat_template.jinja")).ok();
        let template =
            ChatTemplate::from_files(Some(&config), jinja.as_deref(), time::OffsetDateTime::now_utc).unwrap().unwrap();
        for chat in expected["chats"].as_array().unwrap() {
            let plain = |m: &serde_json::Value| m["content"].is_string() && m.as_object().unwrap().len() == 2;
            if chat.get("tools").is_some() || !chat["messages"].as_array().unwrap().iter().all(plain) {
                continue;
            }
            let messages: Vec<ChatMessage> = serde_json::from_value(chat["messages"].clone()).unwrap();
            let add = chat["add_generation_prompt"].as_bool().unwrap();
            let prompt = if add { GenerationPrompt::Add } else { GenerationPrompt::Omit };
            let found = template.render(&messages, prompt);
            match chat["rendered"].as_str() {
                Some(text) => assert_eq!(found.unwrap(), text, "{}", folder.display()),
                None => assert!(matches!(found, Err(Error::Refused { .. })), "{}: {found:?}", folder.display()),
            }
            count += 1;
        }
    }
    assert!(count > 0, "no tokenizer fixtures");
}

#[test]
fn the_template_comes_from_the_jinja_file_then_from_the_config() {
    let config = serde_json::json!({
        "bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>", "pad_token": null,
        "chat_template": [{"name": "tool_use", "template": "tools"},
                          {"name": "default", "template": "{{ bos_token }}config{{ eos_token }}{{ pad_token }}"}],
    });
    let text = |jinja| {
        let template = ChatTemplate::from_files(Some(&config), jinja, time::OffsetDateTime::now_utc).unwrap().unwrap();
        template.render(&user("x"), GenerationPrompt::Add).unwrap()
    };
    assert_eq!(text(None), "<s>config</s>");
    assert_eq!(text(Some("{{ bos_token }}file")), "<s>file");
    let alone =
        ChatTemplate::from_files(None, Some("{{ messages[0].content }}{{ bos_token }}"), time::OffsetDateTime::now_utc)
            .unwrap()
            .unwrap();
    assert_eq!(alone.render(&user("x"), GenerationPrompt::Omit).unwrap(), "x");
}

#[test]
fn a_tokenizer_without_a_template_has_none() {
    assert!(ChatTemplate::from_files(None, None, time::OffsetDateTime::now_utc).unwrap().is_none());
    assert!(
        ChatTemplate::from_files(
            Some(&serde_json::json!({"chat_template": null})),
            None,
            time::OffsetDateTime::now_utc
        )
        .unwrap()
        .is_none()
    );
    assert!(
        ChatTemplate::from_files(Some(&serde_json::json!([])), None, time::OffsetDateTime::now_utc).unwrap().is_none()
    );
}

#[test]
fn configs_of_another_form_are_refused_by_their_field() {
    let refused = |config: serde_json::Value| {
        ChatTemplate::from_files(Some(&config), None, time::OffsetDateTime::now_utc).unwrap_err()
    };
    assert!(matches!(refused(serde_json::json!({"bos_token": 3})), Error::Config { field: "bos_token", .. }));
    assert!(matches!(refused(serde_json::json!({"chat_template": 3})), Error::Config { field: "chat_template", .. }));
    assert!(matches!(refused(serde_json::json!({"chat_template": ["x"]})), Error::Config { .. }));
    let other = serde_json::json!({"chat_template": [{"name": "rag", "template": "x"}]});
    assert!(matches!(refused(other), Error::NoDefault { names } if names == ["rag"]));
}

#[test]
fn what_does_not_compile_is_told_with_its_line() {
    let error = ChatTemplate::new("one\n{% generation %}\n{% if %}", Specials::default()).unwrap_err();
    assert!(matches!(error, Error::Syntax { line: 3, .. }), "{error}");
    assert!(error.to_string().contains("line 3"), "{error}");
}

#[test]
fn what_fails_is_told_with_its_line() {
    let error = render("\n\n{{ messages[9].role }}").unwrap_err();
    assert!(matches!(error, Error::Render { line: 3, .. }), "{error}");
    assert!(matches!(render("{% include 'secret' %}").unwrap_err(), Error::Render { .. }));
    assert!(matches!(render("{{ missing | tojson }}").unwrap_err(), Error::Render { .. }));
}

#[test]
fn a_templates_own_refusal_keeps_its_words_also_from_within_a_macro() {
    for source in [
        "{{ raise_exception('no system role') }}",
        "{% macro f() %}{{ raise_exception('no system role') }}{% endmacro %}{{ f() }}",
        "{% set x %}{{ raise_exception('no system role') }}{% endset %}",
        "{% for a in [1] %}{% generation %}{% if raise_exception('no system role') %}{% endif %}{% endgeneration %}{% endfor %}",
    ] {
        assert!(
            matches!(render(source), Err(Error::Refused { reason }) if reason == "no system role"),
            "{source}: {:?}",
            render(source)
        );
    }
}

#[test]
fn endless_work_is_stopped() {
    let nested = "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}\
                  {% endfor %}{% endfor %}{% endfor %}";
    assert!(matches!(render(nested), Err(Error::TooCostly)));
}

#[test]
fn memory_is_bounded_however_it_is_asked_for() {
    let double = |start: &str, grow: &str, end: &str| {
        format!(
            "{{% set ns = namespace(x={start}) %}}{{% for i in range(60) %}}{{% set ns.x = {grow} %}}{{% endfor %}}{end}"
        )
    };
    let shared = "[ns.x, ns.x]";
    for source in [
        double("'aaaaaaaa'", "ns.x ~ ns.x", ""),
        double("'aaaaaaaa'", "ns.x + ns.x", ""),
        double("'aaaaaaaa'", "ns.x.replace('a', 'aa')", ""),
        double("'aaaaaaaa'", "ns.x.join(['', '', ''])", ""),
        double("[1]", shared, "{{ ns.x }}"),
        double("[1]", shared, "{% set y %}{{ ns.x }}{% endset %}"),
        double("[1]", shared, "{% set y = ns.x | tojson %}"),
        double("[1]", shared, "{% set y = ns.x | string %}"),
        double("[1]", shared, "{% set y = '%s' | format(ns.x) %}"),
        double("[1]", shared, "{% set y = '{}'.format(ns.x) %}"),
        double("[1]", shared, "{% set y = [ns.x] | join(',') %}"),
        double("[1]", shared, "{% set y = ns.x | pprint %}"),
        double("[1]", shared, "{% set y = (ns.x == [ns.x[0], ns.x[1]]) %}"),
        double("[1]", shared, "{% set y = [ns.x, ns.x] | sort %}"),
        double("[1]", shared, "{% set y = [ns.x, ns.x] | unique | list %}"),
        double("[1]", shared, "{% set y = ns.x in [ns.x] %}"),
        double("[1]", shared, "{{ raise_exception(ns.x) }}"),
        double("{'a': 1}", "{'a': ns.x, 'b': ns.x}", "{% set y = ns.x | tojson(indent=2, sort_keys=true) %}"),
        "{{ 'a' * 100000000000 }}".to_owned(),
        "{{ '%0100000000d' | format(1) }}".to_owned(),
        "{{ 'a'.ljust(100000000000) }}".to_owned(),
        "{{ 'a' | indent(100000000000) }}".to_owned(),
        "{{ '{:>100000000000}'.format('a') }}".to_owned(),
        "{{ 'a' | center(100000000000) }}".to_owned(),
        "{{ range(100000000000) | list }}".to_owned(),
        "{{ [1] | batch(100000000000, 'x') | list }}".to_owned(),
        "{{ [1] | slice(100000000000) | list }}".to_owned(),
        "{{ [1] | tojson(indent=100000000000) }}".to_owned(),
        "{{ 2 ** 100000000000 }}".to_owned(),
        "{{ 1 / 0 }}{{ 1 % 0 }}".to_owned(),
    ] {
        let start = std::time::Instant::now();
        let result = render(&source);
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{source}: {:?}", start.elapsed());
        if let Ok(text) = result {
            assert!(text.len() <= MAX_EXTRA_BYTES + 9, "{source}");
        }
    }
}

#[test]
fn deep_values_do_not_exhaust_the_stack() {
    let deep = "[".repeat(100) + "ns.x" + &"]".repeat(100);
    for (grow, end) in [
        ("[ns.x]", ""),
        (deep.as_str(), ""),
        ("[ns.x]", "{{ ns.x }}"),
        ("[ns.x]", "{{ ns.x | tojson }}"),
        ("[ns.x]", "{{ ns.x == ns.x[0] }}"),
        ("[ns.x]", "{{ ns.x | string | length }}"),
        ("{'a': ns.x}", ""),
        ("namespace(a=ns.x)", ""),
    ] {
        // Once to the end of the work it is granted, once to what is left for the value's use.
        for rounds in [100_000, 30_000] {
            let source = format!(
                "{{% set ns = namespace(x=[]) %}}{{% for j in range(20) %}}{{% for i in range({rounds} // 20) %}}\
                 {{% set ns.x = {grow} %}}{{% endfor %}}{{% endfor %}}{end}"
            );
            let _ = render(&source);
        }
    }
}

#[test]
fn endless_recursion_is_stopped() {
    let macros = "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}";
    assert!(matches!(render(macros), Err(Error::TooDeep)), "{:?}", render(macros));
    let itself = "{% include 'chat_template' %}";
    assert!(matches!(render(itself), Err(Error::TooDeep)), "{:?}", render(itself));
    let extends = "{% extends 'chat_template' %}";
    assert!(render(extends).is_err());
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(matches!(render(&deep), Err(Error::Syntax { .. })));
    let blocks = "{% if true %}".repeat(50_000);
    assert!(matches!(render(&blocks), Err(Error::Syntax { .. })));
}

#[test]
fn long_output_is_stopped() {
    let source = "{% for i in range(100000) %}{{ 'abcdefghijklmnopqrstuvwxyz' }}{% endfor %}";
    assert!(matches!(render(source), Err(Error::TooLong { limit }) if limit == MAX_EXTRA_BYTES + 9));
}

#[test]
fn a_long_chat_is_within_the_budget_of_work() {
    let fixture: serde_json::Value = serde_json::from_slice(&std::fs::read(FIXTURE).unwrap()).unwrap();
    let content = "word ".repeat(1000);
    let messages: Vec<_> =
        (0..400).map(|i| ChatMessage { role: ["user", "assistant"][i % 2].into(), content: content.clone() }).collect();
    for name in ["llama-3.1", "qwen2.5", "qwen3", "gemma-3", "phi-3", "mistral-v0.3"] {
        let source = fixture["templates"][name]["template"].as_str().unwrap();
        let specials = Specials { bos: Some("<s>".into()), eos: Some("</s>".into()), ..Specials::default() };
        let text = ChatTemplate::new(source, specials).unwrap().render(&messages, GenerationPrompt::Add);
        assert!(text.unwrap_or_else(|error| panic!("{name}: {error}")).len() > 1_900_000, "{name}");
    }
}
