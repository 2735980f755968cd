//! What a process keeps, opened: the locked data directory, its records, and the artifacts, there or elsewhere.

use super::options::StateOptions;
use crate::store::collect::DEFAULT_GRACE;
use crate::store::{ArtifactLocation, Artifacts, DataDirLock, Store, attach_store, open_store};
use anyhow::Context;
use clap::Args;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where artifacts lie, and what they may take.
#[derive(Clone, Debug, Default, Args)]
pub struct ArtifactOptions {
    /// Where the bytes of adapters and generators are kept: a directory, or S3 with the credentials, the region and the
    /// endpoint of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, …); artifacts/ in the
    /// data directory where absent
    #[arg(long, env = "ATTUNE_ARTIFACTS", value_name = "file:///DIR|s3://BUCKET/PREFIX")]
    pub artifacts: Option<ArtifactLocation>,
    /// What they may take, in MiB; what comes beyond is refused with 503. No limit where absent
    #[arg(long, env = "ATTUNE_ARTIFACT_QUOTA_MIB", value_name = "MIB")]
    pub artifact_quota_mib: Option<u64>,
}

/// How long an artifact is kept that nothing uses.
#[derive(Clone, Copy, Debug, Args)]
pub struct GraceOption {
    /// How long the bytes of deleted adapters, and those that a crash left without a record, are kept before they are collected
    #[arg(long, env = "ATTUNE_ARTIFACT_GRACE", default_value = "24h", value_parser = humantime::parse_duration,
        visible_alias = "grace", value_name = "24h|90m|…")]
    pub artifact_grace: Duration,
}

impl Default for GraceOption {
    fn default() -> Self {
        Self { artifact_grace: DEFAULT_GRACE }
    }
}

impl ArtifactOptions {
    /// Opens the artifacts of this data directory.
    ///
    /// # Errors
    /// Where a directory cannot be made, or S3 does not answer or does not let in.
    pub async fn open(&self, data_dir: &Path) -> anyhow::Result<Artifacts> {
        let beside = || ArtifactLocation::Directory(data_dir.join("artifacts"));
        let location = self.artifacts.clone().unwrap_or_else(beside);
        let quota_bytes = self.artifact_quota_mib.map(|mib| mib.saturating_mul(1 << 20));
        Artifacts::open(&location, quota_bytes).await.with_context(|| format!("cannot use {location} (--artifacts)"))
    }
}

/// What a process keeps. The lock on the data directory lives as long.
pub struct State {
    /// The lock.
    pub lock: DataDirLock,
    /// Records.
    pub store: Arc<dyn Store>,
    /// Bytes.
    pub artifacts: Arc<Artifacts>,
}

/// What another process may be using: its records and its bytes, without its lock.
pub struct Attached {
    /// Records.
    pub store: Arc<dyn Store>,
    /// Bytes.
    pub artifacts: Artifacts,
}

impl Attached {
    /// Looks at a state that is there, while a server may run over it.
    ///
    /// # Errors
    /// Says what is missing, of another version or out of reach.
    pub async fn open(options: &StateOptions) -> anyhow::Result<Self> {
        let StateOptions { data_dir, database, artifacts } = options;
        let store = attach_store(data_dir, database.database_url.as_ref()).await?;
        Ok(Self { store, artifacts: artifacts.open(data_dir).await? })
    }
}

impl State {
    /// Opens the data directory, which is made where it is missing.
    ///
    /// # Errors
    /// Says what is locked, damaged or out of reach.
    pub async fn open(options: &StateOptions) -> anyhow::Result<Self> {
        let StateOptions { data_dir, database, artifacts } = options;
        std::fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
        let lock = DataDirLock::acquire(data_dir)?;
        let store = open_store(data_dir, database.database_url.as_ref()).await?;
        let artifacts = Arc::new(artifacts.open(data_dir).await?);
        Ok(Self { lock, store, artifacts })
    }
}
