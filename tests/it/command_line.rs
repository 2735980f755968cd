//! The binary as a user runs it: where an option's value comes from, migrations, and training to the end.

use attune::store::{DataDirLock, Expected, SqliteStore, TaskStore};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A directory to run in; nothing of the caller's environment reaches the command's options.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file is written");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attune"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ATTUNE_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
pub(crate) fn refused(output: &Output, status: i32, parts: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{error}");
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
}

#[test]
fn a_flag_counts_before_the_environment_the_file_and_the_default() {
    let place = Place::new();
    let made = |name: &str| place.path().join(name).join("attune.db").exists();
    assert!(place.run(&["migrate"]).status.success() && made("attune-data"));
    place.write("attune.toml", "data_dir = 'from-file'");
    assert!(place.run(&["migrate"]).status.success() && made("from-file"));
    let from_environment = place.command(&["migrate"]).env("ATTUNE_DATA_DIR", "from-env").status().unwrap();
    assert!(from_environment.success() && made("from-env"));
    let flag = &["migrate", "--data-dir", "from-flag"];
    assert!(place.command(flag).env("ATTUNE_DATA_DIR", "unused").status().unwrap().success() && made("from-flag"));
    assert!(!made("unused"));
}

#[test]
fn another_file_is_named_by_flag_or_variable_and_must_then_be_there() {
    let place = Place::new();
    place.write("other.toml", "data_dir = 'other'");
    place.write("attune.toml", "no_such_option = 1");
    assert!(place.run(&["migrate", "--config", "other.toml"]).status.success());
    assert!(place.command(&["migrate"]).env("ATTUNE_CONFIG", "other.toml").status().unwrap().success());
    assert!(place.path().join("other").is_dir() && !place.path().join("attune-data").exists());
    refused(&place.run(&["--config=missing.toml", "migrate"]), 2, &["missing.toml"]);
    refused(&place.run(&["migrate"]), 2, &["attune.toml: there is no option `no_such_option`", "data_dir", "listen"]);
    assert!(place.run(&["migrate", "--help"]).status.success());
}

#[test]
fn an_engine_that_is_described_by_halves_is_refused_before_the_base_is_loaded() {
    let place = Place::new();
    let url = ["--vllm-url", "http://127.0.0.1:9"];
    for (arguments, parts) in [
        (vec!["--engine", "vllm"], ["--vllm-url", "http://HOST:PORT"]),
        (vec!["--engine", "vllm", url[0], url[1]], ["--vllm-adapters", "folder"]),
        (vec![url[0], url[1]], ["--vllm-url", "--engine vllm"]),
        (vec!["--engine", "vllm", "--vllm-url", "gpu", "--vllm-adapters", "a"], ["--vllm-url gpu", "http://HOST:PORT"]),
        (
            vec!["--engine", "vllm", url[0], url[1], "--vllm-adapters", "a", "--merge-mib", "1"],
            ["--merge-mib", "leave it out"],
        ),
    ] {
        let arguments: Vec<&str> = [vec!["serve", "--base", "/no/such/base"], arguments].concat();
        refused(&place.run(&arguments), 1, &parts);
    }
    let all = text(&place.run(&["serve", "--help"]).stdout);
    for part in ["[env: ATTUNE_ENGINE=]", "[attune.toml: vllm_url]", "[attune.toml: vllm_adapters]", "vllm_max_loras]"]
    {
        assert!(all.contains(part), "{part}");
    }
}

#[test]
fn the_help_of_an_option_names_its_three_places() {
    let help = text(&Place::new().run(&["serve", "--help"]).stdout);
    for (flag, variable, key) in
        [("--listen", "ATTUNE_LISTEN", "listen"), ("--max-rows", "ATTUNE_MAX_ROWS", "max_rows")]
    {
        for part in [flag, &format!("[env: {variable}=]"), &format!("[attune.toml: {key}]")] {
            assert!(help.contains(part), "`{part}` is missing in:\n{help}");
        }
    }
}

#[test]
fn a_database_is_migrated_once() {
    let place = Place::new();
    let first = text(&place.run(&["migrate", "--data-dir", "d"]).stdout);
    assert!(first.starts_with("applied 0001 "), "{first}");
    let second = text(&place.run(&["migrate", "--data-dir", "d"]).stdout);
    assert!(second.contains("is up to date") && !second.contains("applied"), "{second}");
}

#[test]
fn a_data_directory_in_use_is_refused_with_the_way_out() {
    let place = Place::new();
    let _server = DataDirLock::acquire(&place.path().join("attune-data")).unwrap();
    let trained = place.run(&["train", "adapter", "--task", "exclaim"]);
    refused(&trained, 1, &[r#"POST /jobs/train {"kind":"adapter","task":"exclaim"}"#, "in use", "--data-dir"]);
    refused(&place.run(&["migrate"]), 1, &["in use", "when it starts"]);
}

#[test]
fn a_databases_password_is_shown_nowhere() {
    let place = Place::new();
    let url = "postgres://someone:secret@127.0.0.1:1/things";
    let variable = |arguments: &[&str]| place.command(arguments).env("ATTUNE_DATABASE_URL", url).output().unwrap();
    let outputs = |place: &Place| {
        [
            place.run(&["migrate", "--database-url", url]),
            place.run(&["migrate", "--database-url", "postgres://someone:secret@127.0.0.1:port/things"]),
            place.run(&["migrate", "--database-url", "mysql://someone:secret@127.0.0.1/things"]),
            place.run(&["serve", "--help"]),
            variable(&["migrate"]),
            variable(&["serve", "--help"]),
            variable(&["migrate", "--no-such-option"]),
        ]
    };
    let all = outputs(&place);
    refused(&all[0], 1, &["cannot connect to the database things on 127.0.0.1:1"]);
    refused(&all[2], 1, &["must begin with postgres://"]);
    refused(&all[4], 1, &["cannot connect to the database things on 127.0.0.1:1"]);
    place.write("attune.toml", &format!("database_url = '{url}'"));
    let with_file = outputs(&place);
    refused(&place.run(&["migrate"]), 1, &["cannot connect to the database things on 127.0.0.1:1"]);
    for output in all.iter().chain(&with_file) {
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert!(!shown.contains("secret"), "{shown}");
    }
    let help = text(&with_file[3].stdout);
    assert!(help.contains("[env: ATTUNE_DATABASE_URL]") && help.contains("[attune.toml: database_url]"), "{help}");
}

#[test]
fn an_adapter_is_trained_to_the_end_and_its_job_printed() {
    let place = Place::new();
    let none = place.run(&["train", "generator"]);
    refused(&none, 1, &["attune task import --builtin"]);
    let lines: Vec<String> = ["cat", "tree", "stone", "lamp", "river", "bird"]
        .iter()
        .map(|word| format!(r#"{{"input": "{word}", "output": "{word}!"}}"#))
        .collect();
    place.write("exclaim.jsonl", &lines.join("\n"));
    let import = ["task", "import", "exclaim.jsonl", "--description", "Put an exclamation mark after the word."];
    assert!(place.run(&import).status.success());
    let trained = place.run(&["train", "adapter", "--task", "exclaim", "--steps", "3", "--train-threads", "1"]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let job: Value = serde_json::from_slice(&trained.stdout).unwrap();
    assert_eq!((&job["state"], &job["attempt"], &job["error"]), (&"succeeded".into(), &1.into(), &Value::Null));
    assert!(job["result"]["adapter"].is_string(), "{job}");
    assert!(text(&trained.stderr).contains("3/3"), "{}", text(&trained.stderr));
    refused(&place.run(&["train", "adapter", "--task", "no-such-task"]), 1, &["no-such-task"]);
}

#[test]
fn who_imports_nothing_is_told_what_there_is_to_import() {
    let place = Place::new();
    refused(
        &place.run(&["task", "import"]),
        1,
        &["NAME.jsonl", "Super-NaturalInstructions", ".train.txt", "--builtin"],
    );
    refused(&place.run(&["task", "list", "--data-dir", "d"]), 1, &["there is no data directory d"]);
    assert!(!place.path().join("d").exists());
}

#[test]
fn an_import_stores_each_task_once_whole_or_not_at_all() {
    let place = Place::new();
    place.write("tale.txt", "Once upon a time.\nThere was a king.\n");
    place.write("bad.jsonl", "{\"input\": \"a\", \"output\": \"b\"}\n{\"text\": \"c\"}\n");
    let first = place.run(&["task", "import", "tale.txt", "bad.jsonl", "--description", "Go on."]);
    refused(&first, 1, &["--description describes one task"]);
    place.write("manifest.json", r#"[{"task": "bad", "definition": "Do it."}]"#);
    let first = place.run(&["task", "import", "tale.txt", "bad.jsonl"]);
    refused(&first, 1, &["left out: task bad", "example 1 is a plain text", "send examples of one kind"]);
    assert!(text(&first.stdout).contains("registered 1 task (1 example), 1 left out"), "{}", text(&first.stdout));
    let listed = text(&place.run(&["task", "list"]).stdout);
    assert_eq!(listed.trim(), "tale\t1 examples\tContinue in the style of tale.");
    let again = text(&place.run(&["task", "import", "tale.txt"]).stdout);
    assert!(again.contains("registered 0 tasks (0 examples), 1 unchanged"), "{again}");
    let other = ["task", "import", "tale.txt", "--description", "Tell a tale."];
    refused(&place.run(&other), 1, &["tale", "--replace"]);
    let replaced = text(&place.run(&[&other[..], &["--replace"]].concat()).stdout);
    assert!(replaced.contains("registered 1 task (1 example), 1 of them replaced"), "{replaced}");
    assert!(text(&place.run(&["task", "list"]).stdout).contains("Tell a tale."));
}

#[test]
fn a_text_s_adapter_is_measured_by_perplexity_and_bits_per_character() {
    let place = Place::new();
    place.write("tale.txt", &"Once upon a time there was a king.\n".repeat(40));
    assert!(place.run(&["task", "import", "tale.txt"]).status.success());
    let trained = place.run(&["train", "adapter", "--task", "tale", "--steps", "6", "--train-threads", "1"]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let job: Value = serde_json::from_slice(&trained.stdout).unwrap();
    let number = |name: &str| job["result"][name].as_f64().unwrap_or_else(|| panic!("{name} in {job}"));
    assert!(number("perplexity") > 1.0 && number("perplexity") < number("base_perplexity"), "{job}");
    assert!(number("bits_per_character") < number("base_bits_per_character"), "{job}");
    assert!(job["result"]["exact_match"].is_null(), "{job}");
}

#[test]
fn a_description_alone_makes_the_demo_do_its_task() {
    let place = Place::new();
    let output = place.run(&["generate", "--task", "Write the word backwards.", "--input", "stone", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((answer["text"].as_str(), answer["finish_reason"].as_str()), (Some("enots"), Some("stop")));
    let bare = place.run(&["generate", "--input", "stone", "--json"]);
    let bare: Value = serde_json::from_slice(&bare.stdout).expect("JSON");
    assert_ne!(bare["text"], "enots");
}

#[test]
fn an_evaluation_reports_every_group_and_method() {
    let methods = [
        "base_bare",
        "base_description",
        "base_demonstrations",
        "mean_adapter",
        "nearest_adapter",
        "shuffled_description",
        "generated",
    ];
    let chosen = methods.join(",");
    let place = Place::new();
    let arguments = ["eval", "--json", "--limit", "2", "--half", "dev", "--plots", "plots", "--methods", &chosen];
    let output = place.run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for group in ["train", "paraphrases", "heldout_compositions", "heldout_families", "free_descriptions"] {
        let group = &report["groups"][group];
        assert_eq!(group["tasks"], 2, "{group}");
        for method in methods {
            let score = group["methods"][method].as_f64();
            assert!(score.is_some_and(|score| (0.0..=1.0).contains(&score)), "{group} {method}: {score:?}");
            let ends = group["intervals"][method].as_array().map_or(0, Vec::len);
            assert_eq!(ends, 2, "{group} {method}");
        }
        assert!(group["differences"]["base_bare"]["mean"].is_number(), "{group}");
        assert!(group["differences"]["generated"].is_null(), "{group}");
    }
    let train = &report["groups"]["train"]["methods"];
    assert!(train["generated"].as_f64() > train["shuffled_description"].as_f64(), "{train}");
    assert!(report["groups"]["free_descriptions"]["templates"]["methods"]["generated"].is_number());
    assert!(report["ratios"]["paraphrases_vs_train"].is_number(), "{}", report["ratios"]);
    assert_eq!(report["seeds"], 1);
    for name in ["scores", "tasks", "vectors", "adapters"] {
        let picture = place.path().join("plots").join(format!("{name}.svg"));
        assert!(std::fs::read_to_string(&picture).is_ok_and(|svg| svg.contains("<svg")), "{}", picture.display());
    }
    let unknown = place.run(&["eval", "--methods", "magic"]);
    refused(&unknown, 2, &["magic", "choose of base_bare", "best_of_n"]);
}

#[test]
fn own_tasks_are_judged_by_what_their_outputs_are() {
    let place = Place::new();
    let lines = |output: &dyn Fn(&str) -> String| -> String {
        let words = ["stone", "paper", "river", "cloud", "glass", "light", "green", "mouse", "table", "horse"];
        words.map(|word| serde_json::json!({"input": word, "output": output(word)}).to_string()).join("\n")
    };
    place.write("reverse.jsonl", &lines(&|word| word.chars().rev().collect()));
    place.write("story.jsonl", &lines(&|word| format!("Once there was a {word}, and all was well.")));
    place.write("tale.txt", &"Once upon a time there was a king.\n".repeat(20));
    let described = serde_json::json!([
        {"task": "reverse", "definition": ["Write the word backwards."]},
        {"task": "story", "definition": ["Tell a story of the word."]},
    ]);
    place.write("manifest.json", &described.to_string());
    let output = place.run(&["eval", "--json", "--tasks", "reverse.jsonl", "story.jsonl", "tale.txt"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let known = &report["groups"]["known"];
    assert_eq!(known["tasks"], 1, "the demo's generator knows `reverse`: {report}");
    let exact = &known["metrics"]["exact_match"]["methods"];
    assert!(exact["generated"].as_f64() > exact["base_bare"].as_f64(), "{exact}");
    let unseen = &report["groups"]["unseen"]["metrics"];
    assert!(unseen["rouge_l"]["methods"]["generated"].is_number(), "{unseen}");
    assert!(unseen["bits_per_character"]["perplexity"]["base_bare"].as_f64() > Some(1.0), "{unseen}");
    let refusal = place.run(&["eval", "--tasks", "missing.jsonl"]);
    refused(&refusal, 1, &["missing.jsonl", "cannot be read"]);
}

#[test]
fn a_backup_is_made_beside_a_server_and_restored_into_an_empty_state_alone() {
    let place = Place::new();
    let missing = place.run(&["backup", "file.tar.gz"]);
    refused(&missing, 1, &["there is no database", "--data-dir"]);
    assert!(!place.path().join("attune-data").exists() && !place.path().join("file.tar.gz").exists());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let put = |dir: &str| {
        runtime.block_on(async {
            let store = SqliteStore::open(&place.path().join(dir)).await.unwrap();
            store.put_task("t", &["Do it.".to_owned()], &Expected::Any, time::OffsetDateTime::now_utc()).await.unwrap();
            store.close().await;
        });
    };
    put("attune-data");
    let lock = DataDirLock::acquire(&place.path().join("attune-data")).unwrap();
    let made = place.run(&["backup", "file.tar.gz"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("file.tar.gz: 1 tasks; 0 artifacts of 0 bytes"), "{}", text(&made.stdout));
    refused(&place.run(&["backup", "file.tar.gz"]), 1, &["file.tar.gz is there already"]);
    refused(&place.run(&["restore", "file.tar.gz"]), 1, &["which no server may have", "in use"]);
    drop(lock);
    refused(&place.run(&["restore", "file.tar.gz"]), 1, &["not empty, tasks has rows", "--data-dir"]);
    refused(&place.run(&["restore", "other.tar.gz", "--data-dir", "new"]), 1, &["there is no file other.tar.gz"]);
    assert!(!place.path().join("new").exists());
    let restored = place.run(&["restore", "file.tar.gz", "--data-dir", "new"]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    runtime.block_on(async {
        let store = SqliteStore::open(&place.path().join("new")).await.unwrap();
        assert_eq!(store.task("t").await.unwrap().descriptions, ["Do it."]);
    });
}
