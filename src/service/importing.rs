//! Adapters that were trained elsewhere.

use super::adapters::named;
use super::files::blocking;
use super::{AdapterView, Caller, Error, Service};
use crate::crash::{self, Point};
use crate::lora::{PeftFiles, read_archive, read_peft};
use crate::store::artifacts::sha256_hex;
use crate::store::{AdapterRecord, OnNameTaken, PublishOutcome, RequestKey};
use bytes::Bytes;
use serde_json::json;

/// A PEFT adapter's two files.
#[derive(Clone, Debug)]
pub struct ImportAdapter {
    /// `adapter_config.json`
    pub config: Vec<u8>,
    /// `adapter_model.safetensors`
    pub weights: Vec<u8>,
    /// A name of one's own.
    pub name: Option<String>,
    /// Whether the name may be taken from another adapter.
    pub replace: bool,
    /// The caller's key: a second import with it is the first one.
    pub idempotency_key: Option<String>,
}

impl ImportAdapter {
    /// The key with a digest of what is asked for. An archive and the files in it are the same.
    fn request_key(&self) -> Option<RequestKey> {
        let key = self.idempotency_key.clone()?;
        let files = [sha256_hex(&self.config), sha256_hex(&self.weights)];
        let request = json!({ "files": files, "name": self.name, "replace": self.replace });
        Some(RequestKey { key, request: sha256_hex(request.to_string().as_bytes()) })
    }
}

impl Service {
    /// The two files of a tar, gzipped tar or zip that unpacks to at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Lora`] says what is wrong with the archive.
    pub async fn unpack_adapter(&self, archive: Bytes, limit: usize) -> Result<PeftFiles, Error> {
        blocking(move || Ok(read_archive(&archive, limit as u64)?)).await
    }

    /// Checks and stores an adapter, or finds the one that the idempotency key imported; says whether it is new to the
    /// tenant. Its id is the digest of both files.
    ///
    /// # Errors
    /// [`Error::Lora`] names the key or tensor; [`Error::NameTaken`], [`Error::Invalid`] the name; [`Error::Store`]
    /// a key that came with another import; [`Error::QuotaUsed`].
    pub async fn import_adapter(&self, caller: &Caller, import: ImportAdapter) -> Result<(AdapterView, bool), Error> {
        self.check_name(import.name.as_deref())?;
        let key = import.request_key();
        let files = PeftFiles { config: import.config, weights: import.weights };
        let base = self.base.clone();
        // A large adapter is checked number by number, which takes a while.
        let (adapter, files) = blocking(move || {
            let model = base.model();
            Ok((read_peft(&files, &model.config().shape(), model.device())?, files))
        })
        .await?;
        let record = AdapterRecord { name: import.name, ..self.store_files(&adapter, files).await? };
        crash::at(Point::ImportStored);
        let taken = if import.replace { OnNameTaken::Replace } else { OnNameTaken::Refuse };
        let tenant = &*caller.tenant;
        let place = self.take_adapter(caller).await?;
        let published = match &key {
            Some(key) => self.store.publish_adapter_once(tenant, &record, taken, key).await,
            None => self.store.publish_adapter(tenant, &record, taken).await,
        };
        if published.as_ref().map_or(true, |published| published.outcome == PublishOutcome::Existing) {
            self.give_back(place).await;
        }
        let published = published.map_err(named)?;
        Ok((self.view(published.record), published.outcome != PublishOutcome::Existing))
    }
}
