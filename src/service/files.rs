//! An adapter's files as they are stored: the safetensors file is an artifact, whose key is the
//! adapter's digest; the small configuration stands in the record.

use super::{Error, Service};
use crate::engine::{Lease, Residency};
use crate::lm::StepAdapter;
use crate::lora::{Adapter, Module, PeftFiles, read_peft};
use crate::store::artifacts::sha256_hex;
use crate::store::{AdapterKind, AdapterRecord};
use std::sync::Arc;

impl Service {
    /// The stored files of an adapter.
    pub(super) async fn stored_files(&self, record: &AdapterRecord) -> Result<PeftFiles, Error> {
        let weights = self.artifacts.get(&record.digest).await?;
        Ok(PeftFiles { config: record.config.clone().into_bytes(), weights: weights.into() })
    }

    /// The weights of an adapter for this base, from memory or from the store; the lease keeps them there.
    pub(super) async fn weights(
        &self,
        resident: &Residency<StepAdapter>,
        record: &AdapterRecord,
    ) -> Result<Lease<StepAdapter>, Error> {
        self.check_base(record)?;
        let load = async {
            let adapter = self.load(record).await.map_err(Arc::new)?;
            let (dtype, device) = (self.base.model().dtype(), self.base.model().device().clone());
            let ready = blocking(move || StepAdapter::new(&adapter, dtype, &device).map_err(Error::internal)).await;
            let ready = ready.map_err(Arc::new)?;
            let bytes = ready.bytes();
            Ok((ready, bytes))
        };
        Ok(resident.lease(&record.id, load).await?)
    }

    /// An adapter of another base is refused.
    pub(super) fn check_base(&self, record: &AdapterRecord) -> Result<(), Error> {
        if record.base_digest == self.base.digest() {
            return Ok(());
        }
        let (id, made_for, base) = (record.id.clone(), record.base_digest.clone(), self.base.digest().to_owned());
        Err(Error::StaleAdapter { id, made_for, base })
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

    /// Stores an adapter's weights; gives the record that the files tell, without an owner's parts.
    pub(super) async fn store_files(&self, adapter: &Adapter, files: PeftFiles) -> Result<AdapterRecord, Error> {
        let bytes = files.weights.len() as u64;
        let config = String::from_utf8(files.config).map_err(Error::internal)?;
        // The same weights with another alpha are another adapter.
        let named = [files.weights.as_slice(), config.as_bytes()].concat();
        let id = sha256_hex(&named).chars().take(32).collect();
        let digest = self.artifacts.put(files.weights).await?;
        Ok(AdapterRecord {
            id,
            kind: AdapterKind::Imported,
            name: None,
            task: None,
            generator: None,
            base_digest: self.base.digest().to_owned(),
            rank: adapter.layout().max_rank() as u32,
            alpha: adapter.alpha(0),
            target_modules: adapter.layout().modules().into_iter().map(Module::name).map(str::to_owned).collect(),
            parameters: adapter.parameters() as u64,
            bytes,
            digest,
            config,
            seed: None,
            confidence: None,
            created_at: (self.clock)(),
        })
    }
}

/// Runs `work` on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
