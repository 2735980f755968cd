//! The real binary as a process of its own, over a test's state.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;

use crate::support::{Answer, fixture};

/// How long a start, a job, or the way to a crash may take: a debug build on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where a process runs: its options as variables, and its base.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    environment: Vec<(&'static str, String)>,
}

impl Place {
    /// Over a state's environment; the base's files are written into this directory.
    pub(crate) fn new(environment: Vec<(&'static str, String)>, directory: &Path) -> Self {
        let base = directory.join("base");
        std::fs::create_dir_all(&base).unwrap();
        for (name, bytes) in crate::support::base_files() {
            std::fs::write(base.join(name), bytes).unwrap();
        }
        Self { environment }.with("ATTUNE_BASE", base.to_str().unwrap())
    }

    /// With another variable, or another value of it.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.to_owned()));
        self
    }

    /// A command of the binary; nothing of the caller's own options reaches it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // A limit on the size of files is told as an error, as a full disk is, and does not end the process.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_attune")]).args(arguments);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ATTUNE_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn serve(&self) -> Process {
        let mut command = self.command(&["serve", "--offline", "--listen", "127.0.0.1:0", "--train-threads", "1"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        keep(child.stderr.take().unwrap(), Arc::clone(&log));
        let mut process = Process { child, address: String::new(), log, client: reqwest::Client::new() };
        let ready = tokio::time::timeout(PATIENCE, process.ready()).await;
        process.address = ready.unwrap_or_else(|_| panic!("the server is not ready:\n{}", process.told()));
        process
    }
}

/// A server at work. It is killed where the test ends without stopping it.
pub(crate) struct Process {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
}

impl Process {
    async fn ready(&mut self) -> String {
        loop {
            if let Some((_, rest)) = self.told().split_once(" is ready on ") {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.told());
            }
            pause().await;
        }
    }

    /// What it wrote.
    pub(crate) fn told(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// The answer to a request, or why there is none.
    pub(crate) async fn try_json(&self, method: &str, path: &str, body: Value) -> Result<Answer, reqwest::Error> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, "application/json", body.into_bytes()).await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: Value) -> Answer {
        let answer = self.try_json(method, path, body).await;
        answer.unwrap_or_else(|error| panic!("{error}:\n{}", self.told()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.json("GET", path, Value::Null).await
    }

    /// As [`Self::get`], with an API key.
    pub(crate) async fn get_with_key(&self, path: &str, key: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.address)).bearer_auth(key);
        let response = request.send().await.unwrap_or_else(|error| panic!("{error}:\n{}", self.told()));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.address));
        let request = request.header("content-type", media_type).body(body).timeout(Duration::from_secs(120));
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Answer { status: StatusCode::from_u16(status).unwrap(), headers, body })
    }

    /// The fixture's adapter.
    pub(crate) async fn import(&self) -> Result<Answer, reqwest::Error> {
        let mut body = Vec::new();
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            let part = name.split('.').next().unwrap();
            body.extend(format!("--b\r\ncontent-disposition: form-data; name=\"{part}\"\r\n\r\n").bytes());
            body.extend(fixture(&format!("adapters/qv/{name}")));
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        self.send("POST", "/adapters/import", "multipart/form-data; boundary=b", body).await
    }

    /// The job once it has ended.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        let ended = async {
            loop {
                let answer = self.get(&format!("/jobs/{id}")).await;
                if answer.status == 200 && !answer.json()["finished_at"].is_null() {
                    return answer.json();
                }
                pause().await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended.unwrap_or_else(|_| panic!("the job does not end:\n{}", self.told()))
    }

    /// How it ended by itself.
    pub(crate) async fn died(mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                pause().await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it dies")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        run("kill", &["-s", signal, &self.id()]);
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.signal("TERM");
        assert!(self.died().await.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one of the system's commands.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Keeps what comes, line by line, until the writer ends.
fn keep(from: ChildStderr, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            log.lock().unwrap().push_str(&(line + "\n"));
        }
    });
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
