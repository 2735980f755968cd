//! Which adapters vLLM has loaded at attune's word.
//!
//! Who stays is [`Residency`]'s policy: so many at once, least recently used out first, never one that a request uses, and
//! one load however many ask. Here is what happens at vLLM: its calls are made one at a time, so that of a load and an
//! unload of one name the later counts. For the moment between them one adapter more may be loaded than is allowed.

use super::Error;
use super::client::{Card, Client};
use super::folder::Folder;
use super::peft::for_vllm;
use crate::engine::{Lease, Residency, ResidencyError, ResidencyStatus};
use crate::lora::PeftFiles;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// An adapter that a request uses at vLLM.
pub type Lora = Lease<Loaded>;

/// A name that vLLM was told; it is told to let it go when this is dropped.
pub struct Loaded {
    id: String,
    /// Tells it from a later load of the same name.
    number: u64,
    shared: Arc<Shared>,
}

/// The adapters.
#[derive(Debug)]
pub(super) struct Loras {
    resident: Residency<Loaded>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    folder: Folder,
    names: Mutex<Names>,
}

/// What vLLM was told. Whoever holds its lock is the one that speaks to vLLM about adapters.
#[derive(Debug, Default)]
struct Names {
    next: u64,
    by_id: HashMap<String, Name>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    number: u64,
    /// Whether its folder goes with it.
    deleted: bool,
}

impl Loras {
    pub(super) fn new(client: Client, folder: Folder, max_loras: usize) -> Self {
        let shared = Arc::new(Shared { client, folder, names: Mutex::default() });
        // The unit of its budget is an adapter.
        Self { resident: Residency::new(max_loras as u64), shared }
    }

    pub(super) fn status(&self) -> ResidencyStatus {
        self.resident.status()
    }

    /// The adapter of this id, loaded; where it is not, it is published from what `files` gives, for a base of this name.
    pub(super) async fn lease<E>(
        &self,
        (id, base): (&str, &str),
        files: impl Future<Output = Result<PeftFiles, E>>,
    ) -> Result<Lora, ResidencyError<E>>
    where
        E: From<Error> + Clone + Send + Sync + 'static,
    {
        let load = async { Ok((self.shared.load(id, for_vllm(files.await?, base)?).await?, 1)) };
        self.resident.lease(id, load).await
    }

    /// Loads an adapter again that vLLM forgot while a request had it.
    pub(super) async fn reload(&self, (lora, base): (&Loaded, &str), files: PeftFiles) -> Result<(), Error> {
        let files = for_vllm(files, base)?;
        let _speaking = self.shared.names.lock().await;
        let path = self.shared.publish(&lora.id, files).await?;
        self.shared.client.load(&lora.id, &path).await
    }

    /// Unloads an adapter, as soon as no request uses it, and removes its folder.
    pub(super) async fn delete(&self, id: &str) {
        self.resident.forget(id);
        let mut names = self.shared.names.lock().await;
        match names.by_id.get_mut(id) {
            Some(name) => name.deleted = true,
            // It may be loaded from another time, or by vLLM's resolver.
            None => {
                self.shared.tell_to_unload(id).await;
                self.shared.remove(id).await;
            }
        }
    }

    /// Unloads what vLLM has out of our folder and nobody uses: with `all`, what another process left; else only what has no
    /// folder any more, because a resolver of vLLM's may have loaded the rest.
    pub(super) async fn clear_away(&self, has: &[Card], all: bool) {
        // Who is speaking to vLLM may be loading what is found here.
        let Ok(names) = self.shared.names.try_lock() else { return };
        for card in has {
            let ours = card.root.as_deref().is_some_and(|root| self.shared.folder.holds(root));
            if ours && !names.by_id.contains_key(&card.id) && (all || !self.shared.folder.of(&card.id).exists()) {
                self.shared.tell_to_unload(&card.id).await;
            }
        }
    }
}

impl Shared {
    async fn load(self: &Arc<Self>, id: &str, files: PeftFiles) -> Result<Loaded, Error> {
        let mut names = self.names.lock().await;
        let path = self.publish(id, files).await?;
        let number = names.next;
        names.next += 1;
        names.by_id.insert(id.to_owned(), Name { number, deleted: false });
        // It is there before the call: whoever leaves in the middle of it leaves an adapter that is let go.
        let loaded = Loaded { id: id.to_owned(), number, shared: Arc::clone(self) };
        let done = self.client.load(id, &path).await;
        if done.is_err() {
            names.by_id.remove(id);
        }
        done.map(|()| loaded)
    }

    async fn publish(&self, id: &str, files: PeftFiles) -> Result<PathBuf, Error> {
        let (folder, id) = (self.folder.clone(), id.to_owned());
        blocking(move || folder.publish(&id, &files)).await
    }

    async fn unload(&self, id: &str, number: u64) {
        let mut names = self.names.lock().await;
        let Some(name) = names.by_id.get(id).copied().filter(|name| name.number == number) else { return };
        names.by_id.remove(id);
        self.tell_to_unload(id).await;
        if name.deleted {
            self.remove(id).await;
        }
    }

    async fn tell_to_unload(&self, id: &str) {
        if let Err(error) = self.client.unload(id).await {
            tracing::warn!(adapter = id, %error, "vLLM was not told to unload an adapter");
        }
    }

    async fn remove(&self, id: &str) {
        let (folder, name) = (self.folder.clone(), id.to_owned());
        if let Err(error) = blocking(move || folder.remove(&name)).await {
            tracing::warn!(adapter = id, %error, "the folder of a deleted adapter is still there");
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // Where there is no runtime any more, the process ends, and its successor clears up.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (shared, id, number) = (Arc::clone(&self.shared), std::mem::take(&mut self.id), self.number);
        runtime.spawn(async move { shared.unload(&id, number).await });
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl Loaded {
    /// What vLLM calls it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::away(format!("the work on the folder ended early: {error}"))))
}
