//! Tokenizers and chat templates against transformers, on the fixtures that it wrote (`tests/fixtures/tokenizers`).

use attune::lm::chat::{ChatMessage, ChatTemplate, GenerationPrompt};
use attune::lm::{Tokenizer, token_ids};
use attune::task::{Example, InputTemplate, Marks, Prompter};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folders() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    let entries = std::fs::read_dir(dir).expect("fixtures").map(|entry| entry.expect("an entry").path());
    let folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    assert!(folders.len() >= 5, "{folders:?}");
    folders
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a fixture")).expect("JSON")
}

fn chat(dir: &Path) -> ChatTemplate {
    let jinja = std::fs::read_to_string(dir.join("chat_template.jinja")).ok();
    let config = json(&dir.join("tokenizer_config.json"));
    ChatTemplate::from_files(Some(&config), jinja.as_deref(), time::OffsetDateTime::now_utc)
        .expect("compiles")
        .expect("a template")
}

#[test]
fn ids_and_texts_are_those_of_transformers() {
    for dir in folders() {
        let tokenizer = Tokenizer::from_file(&dir.join("tokenizer.json")).expect("a tokenizer");
        let beginning = tokenizer.beginning().expect("the empty text").unwrap_or_default();
        for entry in json(&dir.join("expected.json"))["texts"].as_array().expect("texts") {
            let text = entry["text"].as_str().expect("a text");
            let ids = tokenizer.encode(text).expect("tokens");
            assert_eq!(ids, token_ids(Some(&entry["ids"])), "{dir:?}: {text:?}");
            let special = [beginning.as_slice(), &ids].concat();
            assert_eq!(special, token_ids(Some(&entry["ids_special"])), "{dir:?}: {text:?}");
        }
    }
}

#[test]
fn a_chat_models_prompt_is_its_own_rendering_of_the_chat() {
    for dir in folders() {
        let tokenizer = Tokenizer::from_file(&dir.join("tokenizer.json")).expect("a tokenizer");
        let chat = chat(&dir);
        let template = InputTemplate::of_chat(&chat).expect("a template");
        let bos = tokenizer.beginning().expect("the empty text").unwrap_or_default();
        let prompter =
            Prompter::new(tokenizer.clone(), template, &Marks { bos: &bos, ends: &[0] }).expect("a prompter");
        let turn = |role: &str, content: &str| ChatMessage { role: role.into(), content: content.into() };
        let said = |tokens: &[u32]| tokenizer.decode(tokens).expect("known tokens").replace(char::is_whitespace, "");
        let rendered = |turns: &[ChatMessage]| {
            said(&tokenizer.encode(&chat.render(turns, GenerationPrompt::Add).expect("renders")).expect("tokens"))
        };
        let bare = [prompter.prefix(None, &[]).expect("tokens"), prompter.question("house").expect("tokens")].concat();
        assert_eq!(said(&bare), rendered(&[turn("user", "house")]), "{dir:?}");
        let shown = [Example::new("cat", "tac")];
        let told =
            [prompter.prefix(Some("Reverse."), &shown).expect("tokens"), prompter.question("house").expect("tokens")];
        let turns = [turn("user", "Reverse.\n\ncat"), turn("assistant", "tac"), turn("user", "house")];
        assert_eq!(said(&told.concat()), rendered(&turns), "{dir:?}");
    }
}

#[test]
fn a_template_that_writes_the_date_gives_the_same_base_on_every_day() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama_tied");
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture.join(name), dir.path().join(name)).expect("copy");
    }
    let tokenizer = attune::lm::byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string();
    std::fs::write(dir.path().join("tokenizer.json"), tokenizer).expect("write");
    let template = "{{ strftime_now('%d %b %Y') }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
    let config = serde_json::json!({ "chat_template": template });
    std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string()).expect("write");
    let base = attune::task::Base::from_directory(dir.path(), &attune::lm::Loading::f32()).expect("a base");
    let begin = base.prompter().tokenizer().decode(base.begin()).expect("text");
    assert_eq!(begin, "26 Jul 2024[user]");
    let message = ChatMessage { role: "user".into(), content: "hi".into() };
    let today = base.chat().expect("a template").render(&[message], GenerationPrompt::Add).expect("renders");
    assert!(today.ends_with("[user]hi") && !today.starts_with("26 Jul 2024"), "{today}");
}
