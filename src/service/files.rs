//! An adapter's bytes as they are stored: one artifact that holds the safetensors file; the PEFT
//! configuration is written from the record and the weights.

use super::{Error, Service};
use crate::lora::{Adapter, PeftFiles, read_peft};
use crate::store::{AdapterKind, AdapterRecord};
use std::sync::Arc;

/// Both files in one artifact: the configuration's length, the configuration, the weights.
pub(super) fn pack(files: &PeftFiles) -> Vec<u8> {
    let mut bytes = (files.config.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&files.config);
    bytes.extend(&files.weights);
    bytes
}

/// The files of [`pack`].
pub(super) fn unpack(bytes: &[u8]) -> Result<PeftFiles, Error> {
    let damaged = || Error::internal("an adapter's artifact is damaged");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (config, weights) = rest.split_at_checked(length).ok_or_else(damaged)?;
    Ok(PeftFiles { config: config.to_vec(), weights: weights.to_vec() })
}

impl Service {
    /// The stored files of an adapter.
    pub(super) async fn stored_files(&self, record: &AdapterRecord) -> Result<PeftFiles, Error> {
        let (artifacts, digest) = (Arc::clone(&self.artifacts), record.digest.clone());
        unpack(&blocking(move || Ok(artifacts.get(&digest)?)).await?)
    }

    /// The weights of an adapter for this base, from memory or from the store.
    pub(super) async fn weights(&self, record: &AdapterRecord) -> Result<Arc<Adapter>, Error> {
        if record.base_digest != self.base.digest() {
            let (id, made_for, base) =
                (record.id.clone(), record.base_digest.clone(), self.base.digest().to_owned());
            return Err(Error::StaleAdapter { id, made_for, base });
        }
        self.adapters.get_or(&record.id, async { self.load(record).await.map(Arc::new) }).await
    }

    async fn load(&self, record: &AdapterRecord) -> Result<Adapter, Error> {
        let files = self.stored_files(record).await?;
        let adapter = self.read(&files)?;
        // Rows of one generator share x·A0ᵀ only where they share A0 in memory.
        match (record.kind, record.generator.as_deref()) {
            (AdapterKind::Generated, Some(generator)) => {
                let generator = self.generator_file(generator).await?;
                let b = adapter.flat_b()?;
                let b = candle_core::Tensor::from_vec(b, adapter.layout().b_len(), self.base.model().device())
                    .map_err(Error::internal)?;
                Ok(Adapter::over(generator.shared(), &b, generator.config().alpha)?)
            }
            _ => Ok(adapter),
        }
    }

    /// Reads PEFT files against the base.
    pub(super) fn read(&self, files: &PeftFiles) -> Result<Adapter, Error> {
        let model = self.base.model();
        Ok(read_peft(files, &model.config().shape(), model.device())?)
    }

    /// Stores an adapter's files; gives the artifact's digest.
    pub(super) async fn store_files(&self, files: PeftFiles) -> Result<String, Error> {
        let artifacts = Arc::clone(&self.artifacts);
        blocking(move || Ok(artifacts.put(&pack(&files))?)).await
    }
}

/// Runs `work` on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
