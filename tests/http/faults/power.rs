//! The power fails. The data directory lies on an ext4 in an image, whose bytes are what a disk has: what a process wrote
//! and did not sync is in memory alone and not in a copy of the image. After each answer that acknowledges something the
//! image is copied; every copy must have all that was acknowledged until then.

use std::path::Path;

use super::mount::{Image, Mount};
use super::process::{Place, Process};
use super::{adapter_job, job, register};
use attune::store::{
    AdapterStore, Artifacts, DEFAULT_TENANT, JobFilter, JobState, JobStore, PageRequest, SqliteStore, Store, TaskStore,
};

const ALL: PageRequest = PageRequest { limit: 100, cursor: None };

/// What was acknowledged until the power failed.
#[derive(Clone, Debug, Default)]
struct Acknowledged {
    tasks: Vec<String>,
    adapters: Vec<String>,
    jobs: Vec<String>,
    /// Jobs whose success was told.
    succeeded: Vec<String>,
}

/// A disk, and what it was like whenever something had been acknowledged.
struct Disk {
    image: Image,
    folder: tempfile::TempDir,
    cuts: Vec<(Image, Acknowledged)>,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { image: Image::new(folder.path().join("disk")), folder, cuts: Vec::new() }
    }

    /// The power fails now. The process stands still meanwhile, so that the copy is of one moment.
    fn cut(&mut self, process: &Process, acknowledged: &Acknowledged) {
        process.signal("STOP");
        let copy = self.image.cut(self.folder.path().join(format!("cut {}", self.cuts.len())));
        process.signal("CONT");
        self.cuts.push((copy, acknowledged.clone()));
    }
}

fn place(mount: &Mount, base: &Path) -> Place {
    Place::new(vec![("ATTUNE_DATA_DIR", mount.path().join("data").to_str().unwrap().to_owned())], base)
}

#[tokio::test]
#[ignore = "mounts a file system: .ci/faults.sh"]
async fn nothing_that_was_acknowledged_is_lost_when_the_power_fails() {
    let (mut disk, base) = (Disk::new(), tempfile::tempdir().unwrap());
    let mount = Mount::image(&disk.image);
    let process = place(&mount, base.path()).serve().await;
    let mut acknowledged = Acknowledged::default();
    for round in 0..4 {
        let task = format!("shout-{round}");
        register(&process, &task).await;
        acknowledged.tasks.push(task.clone());
        disk.cut(&process, &acknowledged);
        let queued = process.json("POST", "/jobs/train", adapter_job(&task)).await;
        acknowledged.jobs.push(job(&queued));
        disk.cut(&process, &acknowledged);
        if round == 0 {
            let imported = process.import().await.unwrap();
            assert_eq!(imported.status, 201, "{}", imported.text());
            acknowledged.adapters.push(imported.json()["id"].as_str().unwrap().to_owned());
            disk.cut(&process, &acknowledged);
        }
        let ended = process.finished(acknowledged.jobs.last().unwrap()).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
        acknowledged.adapters.push(ended["result"]["adapter"].as_str().unwrap().to_owned());
        acknowledged.succeeded.push(ended["id"].as_str().unwrap().to_owned());
        disk.cut(&process, &acknowledged);
    }
    drop(process);
    drop(mount);
    for (number, (image, acknowledged)) in disk.cuts.iter().enumerate() {
        let mount = Mount::image(image);
        has_all(&mount, acknowledged, number).await;
    }
    // What was queued is done after the power is back.
    let (image, acknowledged) = &disk.cuts[1];
    let mount = Mount::image(image);
    let store = SqliteStore::open(&mount.path().join("data")).await.unwrap();
    let running = store.list_jobs(&JobFilter::default(), &ALL).await.unwrap().data;
    store.close().await;
    assert_eq!(running.len(), acknowledged.jobs.len());
    let process = place(&mount, base.path()).serve().await;
    let ended = process.finished(&acknowledged.jobs[0]).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    process.stop().await;
}

/// The database opens, is whole, and has what was acknowledged; every record's artifact is whole.
async fn has_all(mount: &Mount, acknowledged: &Acknowledged, number: usize) {
    let data = mount.path().join("data");
    let store = SqliteStore::open(&data).await.unwrap_or_else(|error| panic!("cut {number}: {error}"));
    let artifacts = Artifacts::on_disk(data.join("artifacts")).unwrap();
    for name in &acknowledged.tasks {
        let examples = store.examples(name).await.unwrap_or_else(|error| panic!("cut {number}: {error}"));
        assert_eq!(examples.len(), 6);
    }
    for id in &acknowledged.adapters {
        store.adapter(DEFAULT_TENANT, id).await.unwrap_or_else(|error| panic!("cut {number}: {error}"));
    }
    for id in &acknowledged.jobs {
        let job = store.job(id).await.unwrap_or_else(|error| panic!("cut {number}: {error}"));
        if acknowledged.succeeded.contains(id) {
            assert_eq!(job.state, JobState::Succeeded, "cut {number}");
        }
    }
    for digest in store.referenced_digests().await.unwrap() {
        artifacts.get(&digest).await.unwrap_or_else(|error| panic!("cut {number}: {error}"));
    }
    store.close().await;
}

#[test]
#[ignore = "mounts a file system: .ci/faults.sh"]
fn a_cut_loses_what_was_not_synced_and_keeps_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new(folder.path().join("disk"));
    let mount = Mount::image(&image);
    std::fs::write(mount.path().join("synced"), "kept").unwrap();
    std::fs::File::open(mount.path().join("synced")).unwrap().sync_all().unwrap();
    std::fs::write(mount.path().join("written"), "lost").unwrap();
    // Another's sync may carry its name to the disk, but not its bytes.
    let cut = image.cut(folder.path().join("cut"));
    let after = Mount::image(&cut);
    assert_eq!(std::fs::read_to_string(after.path().join("synced")).unwrap(), "kept");
    assert_ne!(std::fs::read_to_string(after.path().join("written")).unwrap_or_default(), "lost");
}
