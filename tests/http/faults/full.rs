//! A disk that is full, and has room again. Here the limit on the size of a process's files stands in for it; on a real
//! file system of a few MiB the same is tried where mounting is allowed (`.ci/faults.sh`).

use std::path::Path;

use super::mount::Mount;
use super::process::{Place, Process, run};
use super::{adapter_job, job, nothing_dangles, place, register};
use crate::state::State;
use crate::support::Answer;

/// Told that there is no room, or that the database cannot write.
#[track_caller]
fn has_no_room(answer: &Answer) {
    let body = answer.json();
    let code = body["type"].as_str().unwrap().trim_start_matches("/problems/");
    assert!(["storage_full", "unavailable"].contains(&code), "{body}");
    super::asks_to_come_again(answer, code);
}

/// Fills the disk under a server and frees it again. `full` is told to do either.
async fn fills_and_has_room_again(place: &Place, mut full: impl FnMut(&Process, bool)) {
    let process = place.serve().await;
    register(&process, "shout").await;
    let before = job(&process.json("POST", "/jobs/train", adapter_job("shout")).await);
    process.finished(&before).await;
    full(&process, true);
    // More often than the database has connections: none of them may stay broken.
    for _ in 0..8 {
        has_no_room(&process.json("POST", "/jobs/train", adapter_job("shout")).await);
        has_no_room(&process.import().await.unwrap());
    }
    // What can be read is read.
    assert_eq!(process.get(&format!("/jobs/{before}")).await.json()["state"], "succeeded");
    full(&process, false);
    for _ in 0..8 {
        let imported = process.import().await.unwrap();
        assert!([200, 201].contains(&imported.status.as_u16()), "{}\n{}", imported.text(), process.told());
    }
    let after = job(&process.json("POST", "/jobs/train", adapter_job("shout")).await);
    assert_eq!(process.finished(&after).await["state"], "succeeded");
    assert_eq!(process.get("/jobs").await.json()["data"].as_array().unwrap().len(), 2);
    process.stop().await;
}

#[tokio::test]
async fn a_process_whose_files_may_not_grow_says_so_and_goes_on_when_they_may() {
    let state = State::new().await;
    if state.on_server() || state.in_bucket() {
        eprintln!("SKIPPED: on this machine's disk there is neither the database nor the artifacts");
        return;
    }
    let limit = |process: &Process, full: bool| {
        let limit = if full { "--fsize=1:unlimited" } else { "--fsize=unlimited" };
        run("prlimit", &["--pid", &process.id(), limit]);
    };
    fills_and_has_room_again(&place(&state), limit).await;
    nothing_dangles(&state).await;
}

#[tokio::test]
#[ignore = "mounts a file system: .ci/faults.sh"]
async fn a_disk_of_a_few_mebibytes_that_is_full_is_told_and_passes() {
    let mount = Mount::tmpfs("8m");
    let environment = vec![("ATTUNE_DATA_DIR", mount.path().join("data").to_str().unwrap().to_owned())];
    let elsewhere = tempfile::tempdir().unwrap();
    let place = Place::new(environment, elsewhere.path());
    let filler = mount.path().join("filler");
    fills_and_has_room_again(
        &place,
        |_, full| if full { fill(&filler) } else { std::fs::remove_file(&filler).unwrap() },
    )
    .await;
}

/// Writes until there is no room.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
}
