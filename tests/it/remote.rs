//! Commands with `--server`, against a server in another process.

use crate::command_line::{Place, refused, text};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A server on the demo model, which ends with its test.
struct Server {
    place: Place,
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let place = Place::new();
        let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
        let mut server = Self { place, child, address: String::new() };
        let told = |line: String| Some(line.split_once(" is ready on ")?.1.split(' ').next()?.to_owned());
        server.address = lines.by_ref().map_while(Result::ok).find_map(told).expect("the server is ready");
        // What it tells later is not waited for, and must not fill the pipe.
        std::thread::spawn(move || lines.count());
        server
    }

    /// What a command prints that must succeed.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.place.run(&[arguments, &["--server", &self.address]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        refused(&self.place.run(&[arguments, &["--server", &self.address]].concat()), 1, parts);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn adapters_are_made_given_and_used_on_the_server() {
    let server = Server::start();
    let task = ["--task", "Write the word backwards."];
    let created = json(&server.says(&["adapter", "create", task[0], task[1], "--out", "made"]));
    let answer = |adapter: &str| server.says(&["generate", "--adapter", adapter, "--input", "stone"]);
    assert_eq!(answer(created["id"].as_str().unwrap()), "enots\n");
    assert_eq!(answer("made"), "enots\n", "a directory is given to the server");
    let imported = json(&server.says(&["adapter", "import", "made", "--name", "back"]));
    assert_eq!((&imported["kind"], &imported["name"]), (&"imported".into(), &"back".into()));
    assert_eq!(json(&server.says(&["generate", "--adapter", "back", "--input", "stone", "--json"]))["text"], "enots");
    assert_eq!(server.says(&["adapter", "export", "back", "--out", "given"]), "wrote given\n");
    let bytes = |dir: &str| std::fs::read(server.place.path().join(dir).join("adapter_model.safetensors")).unwrap();
    assert_eq!(bytes("given"), bytes("made"));
    server.refuses(&["generate", "--adapter", "none", "--input", "x"], &["there is no adapter none (404 not_found)"]);
    server.says(&["adapter", "create", "--task", "Write the first letter of the word.", "--out", "other"]);
    server.refuses(&["adapter", "import", "other", "--name", "back"], &["name_taken"]);
    server.refuses(&["adapter", "export", "none", "--out", "no"], &["404"]);
    assert!(!server.place.path().join("no").exists(), "nothing is begun for an adapter that is not there");
    server.refuses(&["adapter", "export", "back", "--format", "gguf", "--out", "x.gguf"], &["needs the base"]);
}

#[test]
fn tasks_are_registered_and_trained_on_the_server() {
    let server = Server::start();
    let lines: String =
        ["cat", "tree", "stone"].map(|w| format!("{{\"input\": \"{w}\", \"output\": \"{w} zebra\"}}\n")).concat();
    server.place.write("zebra.jsonl", &lines);
    let import = |description: &'static str| ["task", "import", "zebra.jsonl", "--description", description];
    let place = format!("on {}", server.address);
    assert_eq!(server.says(&import("Put a zebra behind it.")), format!("registered 1 task (3 examples) {place}\n"));
    assert!(server.says(&import("Put a zebra behind it.")).contains("0 tasks (0 examples), 1 unchanged"));
    server.refuses(&import("Add a zebra."), &["--replace overwrites it"]);
    let replaced = server.says(&[&import("Add a zebra.")[..], &["--replace"]].concat());
    assert!(replaced.contains("1 of them replaced"), "{replaced}");
    assert_eq!(server.says(&["task", "list"]), "zebra\t3 examples\tAdd a zebra.\n");
    let job = json(&server.says(&["train", "adapter", "--task", "zebra", "--steps", "2"]));
    assert_eq!((&job["state"], &job["result"]["task"]), (&"succeeded".into(), &"zebra".into()));
    server.refuses(&["train", "adapter", "--task", "none"], &["there is no task none"]);
}

#[test]
fn keys_are_made_on_the_server_and_needed_from_then_on() {
    let server = Server::start();
    let secret = server.says(&["key", "create", "--name", "k", "--scopes", "admin"]);
    server.refuses(&["key", "list"], &["401 unauthorized", "ATTUNE_API_KEY"]);
    let list = server.place.command(&["key", "list", "--json", "--server", &server.address]);
    let with_key = |mut command: std::process::Command| command.env("ATTUNE_API_KEY", secret.trim()).output().unwrap();
    let keys = json(&text(&with_key(list).stdout));
    let id = keys["data"][0]["id"].as_str().unwrap();
    let revoked = with_key(server.place.command(&["key", "revoke", id, "--server", &server.address]));
    assert_eq!(text(&revoked.stdout), format!("revoked {id}\n"));
}

#[test]
fn a_server_that_cannot_be_is_told_apart_from_one_that_is_not_there() {
    let place = Place::new();
    let on = |server| [&["generate", "--input", "x", "--server", server][..]].concat();
    refused(&place.run(&on("localhost:8080")), 1, &["http://127.0.0.1:8080"]);
    refused(&place.run(&["key", "revoke", "..", "--server", "http://127.0.0.1:1"]), 1, &["is no id and no name"]);
    refused(&place.run(&on("http://127.0.0.1:1")), 1, &["http://127.0.0.1:1/ cannot be reached", "--server"]);
    let both = [&on("http://127.0.0.1:1")[..], &["--data-dir", "d"]].concat();
    refused(&place.run(&both), 2, &["--data-dir cannot be given with --server"]);
    // A variable is for all commands: it is no contradiction.
    let both = place.command(&on("http://127.0.0.1:1")).env("ATTUNE_DATA_DIR", "d").output().unwrap();
    refused(&both, 1, &["cannot be reached"]);
}
