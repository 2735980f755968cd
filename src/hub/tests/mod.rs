//! Downloads from a hub on this machine.

mod fake_hub;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use tempfile::TempDir;

use super::*;
use fake_hub::{COMMIT, FakeHub, etag};

/// Content of a large file that no other has.
fn weights(seed: u8, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i * 31 / 7) as u8 ^ seed).collect()
}

fn small_repository() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("README.md", b"# never fetched".to_vec()),
        ("config.json", b"{\"model_type\": \"llama\"}".to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        ("tokenizer_config.json", b"{\"bos_token\": \"<s>\"}".to_vec()),
        ("model.safetensors", weights(1, 300_000)),
        ("pytorch_model.bin", b"pickle".to_vec()),
    ]
}

fn sharded_repository(third: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (first, second) = ("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors");
    let names = [first, second, third];
    let map: serde_json::Map<_, _> =
        names.iter().enumerate().map(|(i, name)| (format!("w{i}"), (*name).into())).collect();
    vec![
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        (
            "model.safetensors.index.json",
            serde_json::json!({"metadata": {}, "weight_map": map}).to_string().into_bytes(),
        ),
        (first, weights(1, 1000)),
        (second, weights(2, 2000)),
        ("model-00003-of-00003.safetensors", weights(3, 3000)),
    ]
}

async fn get(name: &str, options: &HubOptions) -> Result<Downloaded, Error> {
    fetch(&HubModel::parse(name).unwrap(), options, Arc::new(())).await
}

fn directory(downloaded: Result<Downloaded, Error>) -> PathBuf {
    match downloaded.unwrap() {
        Downloaded::Directory(path) => path,
        Downloaded::Gguf(path) => panic!("{path:?}"),
    }
}

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[derive(Default)]
struct Recorded {
    events: Mutex<Vec<String>>,
    bytes: Mutex<u64>,
}

impl DownloadProgress for Recorded {
    fn file(&self, name: &str, bytes: Option<u64>) {
        self.events.lock().unwrap().push(format!("{name} {bytes:?}"));
    }
    fn advanced(&self, bytes: u64) {
        *self.bytes.lock().unwrap() += bytes;
    }
    fn finished(&self, name: &str) {
        self.events.lock().unwrap().push(format!("{name} finished"));
    }
}

#[tokio::test]
async fn a_small_repository_comes_whole_into_the_standard_layout() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let progress = Arc::new(Recorded::default());
    let model = HubModel::parse("org/name").unwrap();
    let directory = directory(fetch(&model, &hub.options(cache.path()), progress.clone()).await);

    let folder = cache.path().join("models--org--name");
    assert_eq!(directory, folder.join("snapshots").join(COMMIT));
    assert_eq!(files(&directory), ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
    assert_eq!(std::fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);
    for (name, content) in
        small_repository().into_iter().filter(|(name, _)| files(&directory).contains(&(*name).into()))
    {
        assert_eq!(std::fs::read(directory.join(name)).unwrap(), content);
        let link = std::fs::read_link(directory.join(name)).unwrap();
        assert_eq!(link, Path::new("../../blobs").join(etag(name, &content)));
    }
    assert_eq!(files(&folder.join("blobs")).len(), 4);
    let events = progress.events.lock().unwrap().clone();
    assert!(events.contains(&"model.safetensors Some(300000)".to_owned()), "{events:?}");
    assert_eq!(events.iter().filter(|event| event.ends_with("finished")).count(), 4);
    assert_eq!(*progress.bytes.lock().unwrap(), 300_000 + 23 + 2 + 20);
}

#[tokio::test]
async fn a_second_fetch_transfers_nothing() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let options = hub.options(cache.path());
    let first = directory(get("org/name", &options).await);
    hub.state().asked.clear();
    assert_eq!(directory(get("org/name", &options).await), first);
    assert_eq!(directory(get(&format!("org/name@{COMMIT}"), &options).await), first);
    assert!(hub.state().asked.is_empty(), "{:?}", hub.state().asked);
}

#[tokio::test]
async fn shards_are_fetched_by_their_index() {
    let repository = sharded_repository("model-00003-of-00003.safetensors");
    let (hub, cache) = (FakeHub::start(&repository).await, TempDir::new().unwrap());
    let directory = directory(get("org/name", &hub.options(cache.path())).await);
    assert_eq!(files(&directory).len(), 6);
    assert_eq!(std::fs::read(directory.join("model-00003-of-00003.safetensors")).unwrap(), weights(3, 3000));
}

#[tokio::test]
async fn one_gguf_file_is_fetched_by_its_name_also_from_a_folder() {
    let repository = [("q8/a b.gguf", weights(4, 5000)), ("other.gguf", weights(5, 10))];
    let (hub, cache) = (FakeHub::start(&repository).await, TempDir::new().unwrap());
    let options = hub.options(cache.path());
    let refused = get("org/name/missing.gguf", &options).await.unwrap_err().to_string();
    assert!(refused.contains("no file missing.gguf; it has other.gguf, q8/a b.gguf"), "{refused}");
    // The fake hub compares paths as they stand in the address.
    let content = hub.state().files.remove("q8/a b.gguf").unwrap();
    hub.state().files.insert("q8/a.gguf".into(), content);
    let Downloaded::Gguf(path) = get("org/name/q8/a.gguf", &options).await.unwrap() else { panic!("no GGUF") };
    assert_eq!(std::fs::read(&path).unwrap(), weights(4, 5000));
    assert!(path.ends_with(format!("snapshots/{COMMIT}/q8/a.gguf")));
    let offline = HubOptions { offline: true, ..options };
    assert_eq!(get("org/name/q8/a.gguf", &offline).await.unwrap(), Downloaded::Gguf(path));
}

#[tokio::test]
async fn offline_the_cache_serves_what_it_has_and_names_what_it_lacks() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let offline = HubOptions { offline: true, ..hub.options(cache.path()) };
    let refused = get("org/name", &offline).await.unwrap_err();
    assert!(matches!(&refused, Error::Offline { missing, .. } if missing == "the revision"), "{refused}");
    assert!(refused.to_string().contains("HF_HUB_OFFLINE"), "{refused}");

    let online = directory(get("org/name", &hub.options(cache.path())).await);
    hub.state().asked.clear();
    assert_eq!(directory(get("org/name", &offline).await), online);
    assert_eq!(directory(get(&format!("org/name@{COMMIT}"), &offline).await), online);
    assert!(get("org/name@other", &offline).await.is_err());
    assert!(get("org/name/x.gguf", &offline).await.is_err());
    std::fs::remove_file(online.join("model.safetensors")).unwrap();
    let refused = get("org/name", &offline).await.unwrap_err();
    assert!(matches!(&refused, Error::Offline { missing, .. } if missing == "model.safetensors"), "{refused}");
    assert!(hub.state().asked.is_empty());
}

#[tokio::test]
async fn a_hub_out_of_reach_is_no_obstacle_for_a_model_in_the_cache() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let online = directory(get("org/name", &hub.options(cache.path())).await);
    // Nothing listens at a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = HubOptions { endpoint: Some(format!("http://127.0.0.1:{port}")), ..hub.options(cache.path()) };
    assert_eq!(directory(get("org/name", &gone).await), online);
    let refused = get("org/other", &gone).await.unwrap_err();
    assert!(matches!(&refused, Error::Connection { attempts: 5, .. }), "{refused}");
    assert!(refused.to_string().contains("HF_ENDPOINT"), "{refused}");
}

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_stopped() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    hub.state().cuts = vec![50_000, 100_000];
    let directory = directory(get("org/name", &hub.options(cache.path())).await);
    assert_eq!(std::fs::read(directory.join("model.safetensors")).unwrap(), weights(1, 300_000));
    let asked: Vec<_> = hub.state().asked.iter().filter(|asked| asked.starts_with("model")).cloned().collect();
    assert_eq!(asked, ["model.safetensors", "model.safetensors bytes=100000-", "model.safetensors bytes=150000-"]);
    assert_eq!(hub.state().sent, 300_000);
}

#[tokio::test]
async fn what_an_earlier_process_left_is_resumed_and_counts_as_progress() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let content = weights(1, 300_000);
    let blobs = cache.path().join("models--org--name/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let partial = blobs.join(format!("{}.incomplete", etag("model.safetensors", &content)));
    std::fs::write(&partial, &content[..299_000]).unwrap();
    let progress = Arc::new(Recorded::default());
    let model = HubModel::parse("org/name").unwrap();
    let directory = directory(fetch(&model, &hub.options(cache.path()), progress.clone()).await);
    assert_eq!(std::fs::read(directory.join("model.safetensors")).unwrap(), content);
    assert_eq!(hub.state().sent, 1000);
    assert_eq!(*progress.bytes.lock().unwrap(), 300_000 + 45);
    assert!(!partial.exists());
}

#[tokio::test]
async fn a_server_without_ranges_sends_the_whole_again() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    hub.state().cuts = vec![100_000];
    hub.state().whole_only = true;
    let directory = directory(get("org/name", &hub.options(cache.path())).await);
    assert_eq!(std::fs::read(directory.join("model.safetensors")).unwrap(), weights(1, 300_000));
    assert_eq!(hub.state().sent, 400_000);
}

#[tokio::test]
async fn a_damaged_leftover_is_found_by_its_digest_and_fetched_anew() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let blobs = cache.path().join("models--org--name/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let content = weights(1, 300_000);
    std::fs::write(blobs.join(format!("{}.incomplete", etag("model.safetensors", &content))), weights(9, 2000))
        .unwrap();
    let directory = directory(get("org/name", &hub.options(cache.path())).await);
    assert_eq!(std::fs::read(directory.join("model.safetensors")).unwrap(), content);
    assert_eq!(hub.state().sent, 298_000 + 300_000);
}

#[tokio::test]
async fn content_that_is_not_what_was_announced_never_reaches_the_snapshot() {
    for (file, damage) in
        [("model.safetensors", weights(2, 300_000)), ("config.json", b"{}".to_vec()), ("config.json", vec![b' '; 99])]
    {
        let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
        hub.state().damaged.insert(file.into(), damage);
        let refused = get("org/name", &hub.options(cache.path())).await.unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. } | Error::Connection { .. }), "{refused}");
        assert!(!cache.path().join("models--org--name/snapshots").join(COMMIT).join(file).exists());
        assert!(!cache.path().join("models--org--name/refs/main").exists());
    }
}

#[tokio::test]
async fn an_overloaded_hub_is_asked_again() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    hub.state().failures =
        vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY];
    directory(get("org/name", &hub.options(cache.path())).await);
}

#[tokio::test]
async fn a_mirror_that_lists_names_alone_is_asked_for_each_file() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    hub.state().names_only = true;
    let directory = directory(get("org/name", &hub.options(cache.path())).await);
    assert_eq!(std::fs::read(directory.join("model.safetensors")).unwrap(), weights(1, 300_000));
    let link = std::fs::read_link(directory.join("model.safetensors")).unwrap();
    assert_eq!(link.file_name().unwrap().to_str().unwrap(), etag("model.safetensors", &weights(1, 300_000)));
}

#[tokio::test]
async fn a_gated_model_needs_a_token_which_only_the_hub_sees() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    hub.state().gated = true;
    let refused = get("org/name", &hub.options(cache.path())).await.unwrap_err();
    assert!(matches!(refused, Error::Denied { status: 401, .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("HF_TOKEN") && text.contains("/org/name and set"), "{text}");
    let with = HubOptions { token: Some("good".into()), ..hub.options(cache.path()) };
    directory(get("org/name", &with).await);
    let odd = HubOptions { token: Some("a\nb".into()), ..hub.options(cache.path()) };
    assert!(matches!(get("org/name", &odd).await, Err(Error::Option { variable: "HF_TOKEN", .. })));
}

#[tokio::test]
async fn unknown_models_and_revisions_are_told_apart() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let options = hub.options(cache.path());
    assert!(matches!(get("org/other", &options).await, Err(Error::NotFound { .. })));
    assert!(matches!(get("org/name@v9", &options).await, Err(Error::Revision { .. })));
    hub.state().failures = vec![StatusCode::NOT_FOUND];
    assert!(matches!(get("org/name", &options).await, Err(Error::NotFound { .. })));
    hub.state().failures = vec![StatusCode::FORBIDDEN];
    assert!(matches!(get("org/name", &options).await, Err(Error::Denied { status: 403, .. })));
    let elsewhere = HubOptions { endpoint: Some("ftp://x".into()), ..options };
    assert!(matches!(get("org/name", &elsewhere).await, Err(Error::Option { variable: "HF_ENDPOINT", .. })));
    assert!(files(cache.path()).is_empty(), "nothing is written for a model that is not there");
}

#[tokio::test]
async fn an_index_that_leads_elsewhere_is_refused_before_any_weights() {
    let (hub, cache) = (FakeHub::start(&sharded_repository("../evil.safetensors")).await, TempDir::new().unwrap());
    let refused = get("org/name", &hub.options(cache.path())).await.unwrap_err();
    assert!(matches!(&refused, Error::UnsafeName { name, .. } if name == "../evil.safetensors"), "{refused}");
    assert_eq!(hub.state().sent, 0);
    let (hub, cache) = (FakeHub::start(&sharded_repository("absent.safetensors")).await, TempDir::new().unwrap());
    let refused = get("org/name", &hub.options(cache.path())).await.unwrap_err();
    assert!(matches!(&refused, Error::NoFile { file, .. } if file == "absent.safetensors"), "{refused}");
}

#[tokio::test]
async fn pickles_are_refused_before_anything_is_fetched() {
    let mut repository = small_repository();
    repository.retain(|(name, _)| *name != "model.safetensors");
    let (hub, cache) = (FakeHub::start(&repository).await, TempDir::new().unwrap());
    let refused = get("org/name", &hub.options(cache.path())).await.unwrap_err();
    assert!(matches!(&refused, Error::Pickle { file, .. } if file == "pytorch_model.bin"), "{refused}");
    assert!(hub.state().asked.is_empty());
}

/// The folder as huggingface_hub 0.x to 2.x writes it: links to blobs, a ref without a line's end.
#[cfg(unix)]
#[tokio::test]
async fn a_cache_that_huggingface_hub_made_is_used_as_it_is() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let folder = cache.path().join("models--org--name");
    let snapshot = folder.join("snapshots").join(COMMIT);
    for folder in [&snapshot, &folder.join("blobs"), &folder.join("refs")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(folder.join("refs/main"), COMMIT).unwrap();
    for (name, content) in small_repository() {
        let etag = etag(name, &content);
        std::fs::write(folder.join("blobs").join(&etag), content).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{etag}"), snapshot.join(name)).unwrap();
    }
    let offline = HubOptions { offline: true, ..hub.options(cache.path()) };
    assert_eq!(directory(get("org/name", &offline).await), snapshot);
    assert_eq!(directory(get("org/name", &hub.options(cache.path())).await), snapshot);
    assert!(hub.state().asked.is_empty(), "{:?}", hub.state().asked);
}

#[tokio::test]
async fn two_fetches_at_once_transfer_each_file_once() {
    let (hub, cache) = (FakeHub::start(&small_repository()).await, TempDir::new().unwrap());
    let options = hub.options(cache.path());
    let (first, second) = tokio::join!(get("org/name", &options), get("org/name", &options));
    assert_eq!(directory(first), directory(second));
    assert_eq!(hub.state().sent, 300_000);
}

#[test]
fn a_full_disk_is_told_as_such() {
    let full = Error::io(Path::new("/cache/blob"), std::io::ErrorKind::StorageFull.into());
    assert!(full.to_string().contains("HF_HUB_CACHE"), "{full}");
}
