//! One file into the cache: resumed where an earlier transfer stopped, verified before it counts.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::cache::{ModelCache, remove};
use super::client::Client;
use super::plan::{Content, RemoteFile};
use super::retry::{Failure, Progress, Retry};
use super::{DownloadProgress, Error, HubModel};

/// Written to the disk in pieces of this size.
const WRITE_BYTES: usize = 1 << 20;

/// A model's download at one commit.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) cache: &'a ModelCache,
    pub(super) model: &'a HubModel,
    pub(super) commit: &'a str,
    pub(super) progress: &'a dyn DownloadProgress,
}

impl Download<'_> {
    /// Sees to it that a file is in the snapshot.
    pub(super) async fn file(&self, file: &RemoteFile) -> Result<(), Error> {
        let content = match &file.content {
            Some(content) => content.clone(),
            None => self.client.content(self.commit, &file.name).await?,
        };
        if self.cache.has(self.commit, &file.name, &content) {
            return Ok(());
        }
        let _lock = self.cache.lock(&content.etag).await?;
        let blob = self.cache.blob(&content.etag);
        if !std::fs::metadata(&blob).is_ok_and(|found| found.len() == content.bytes) {
            self.blob(&file.name, &content).await?;
        }
        self.cache.link(self.commit, &file.name, &content.etag)
    }

    /// Transfers and verifies a blob. Damaged content is thrown away and fetched once more.
    async fn blob(&self, name: &str, content: &Content) -> Result<(), Error> {
        let partial = self.cache.partial(&content.etag);
        self.progress.file(name, Some(content.bytes));
        let mut damaged = false;
        loop {
            self.transfer(name, content, &partial).await?;
            let Err(what) = verify(&partial, content).await? else { break };
            remove(&partial)?;
            if std::mem::replace(&mut damaged, true) {
                return Err(Error::Damaged { id: self.model.id.clone(), file: name.to_owned(), what });
            }
        }
        let blob = self.cache.blob(&content.etag);
        std::fs::rename(&partial, &blob).map_err(|e| Error::io(&blob, e))?;
        self.progress.finished(name);
        Ok(())
    }

    /// Transfers until the partial file has its size.
    async fn transfer(&self, name: &str, content: &Content, partial: &Path) -> Result<(), Error> {
        let url = self.client.url(self.commit, name);
        // Small files have no sha256 to verify a resumed one by, and are quick.
        if !is_sha256(&content.etag) || length(partial) > content.bytes {
            remove(partial)?;
        }
        // Only what goes beyond all earlier attempts is progress, or a file that always ends early had no end.
        let mut furthest = length(partial);
        self.progress.advanced(furthest);
        let mut retry = Retry::default();
        loop {
            match self.attempt(&url, content, partial).await {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Transient { reason, wait }) => {
                    let progress = if length(partial) > furthest { Progress::Made } else { Progress::None };
                    furthest = furthest.max(length(partial));
                    tracing::warn!(file = name, reason, "the transfer broke off");
                    match retry.after(progress, wait) {
                        Some(delay) => tokio::time::sleep(delay).await,
                        None => return Err(Error::Connection { url, attempts: retry.failed(), reason }),
                    }
                }
            }
        }
    }

    /// One request for what is missing, appended to the partial file.
    async fn attempt(&self, url: &str, content: &Content, partial: &Path) -> Result<(), Failure<Error>> {
        let io = |e| Failure::Final(Error::io(partial, e));
        let mut written = length(partial);
        let file = tokio::fs::File::options().create(true).append(true).open(partial).await.map_err(io)?;
        if written == content.bytes {
            return Ok(());
        }
        let mut answer = self.client.get(url, written).await?;
        match answer.range {
            Some(range) if range != (written, content.bytes) => {
                file.set_len(0).await.map_err(io)?;
                return Err(Failure::transient("another part of the file came than was asked for"));
            }
            Some(_) => {}
            // A server without ranges begins anew.
            None => {
                file.set_len(0).await.map_err(io)?;
                written = 0;
            }
        }
        let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
        let ended = loop {
            match answer.next().await {
                Ok(Some(part)) if written + part.len() as u64 > content.bytes => {
                    written = u64::MAX;
                    break Ok(());
                }
                Ok(Some(part)) => {
                    file.write_all(&part).await.map_err(io)?;
                    written += part.len() as u64;
                    self.progress.advanced(part.len() as u64);
                }
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        // Whatever ended the transfer, what came is kept for the next.
        file.flush().await.map_err(io)?;
        let file = file.into_inner();
        ended?;
        if written > content.bytes {
            file.set_len(0).await.map_err(io)?;
            return Err(Failure::transient("more came than the file holds"));
        }
        file.sync_all().await.map_err(io)?;
        match written == content.bytes {
            true => Ok(()),
            false => Err(Failure::transient(format!("it ended after {written} of {} bytes", content.bytes))),
        }
    }
}

/// The size of a file, 0 where there is none.
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// Large files are named by their sha256, small ones by git's blob id.
fn is_sha256(etag: &str) -> bool {
    etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Compares size and sha256; says which of them is wrong.
async fn verify(path: &Path, content: &Content) -> Result<Result<(), &'static str>, Error> {
    if length(path) != content.bytes {
        return Ok(Err("size"));
    }
    if !is_sha256(&content.etag) {
        return Ok(Ok(()));
    }
    let own = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        std::io::copy(&mut std::fs::File::open(own)?, &mut hash)?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    });
    let digest = hashed.await.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| Error::io(path, e))?;
    Ok(if digest.eq_ignore_ascii_case(&content.etag) { Ok(()) } else { Err("sha256") })
}
