//! Adapters: from a description, by id, as files.

use super::api::{AdapterLinks, AdapterView, CreateAdapter, CreateTimings, CreatedAdapter};
use super::making::Share;
use super::wanted::Wanted;
use super::{Caller, Error, Service};
use crate::crash::{self, Point};
use crate::generator::{Answer, Confidence};
use crate::lora::{Adapter, write_peft};
use crate::store::artifacts::sha256_hex;
use crate::store::{AdapterFilter, AdapterKind, AdapterRecord, Page, PageRequest, PublishOutcome, StoreError};
use crate::telemetry::record::{self, AdapterOutcome};
use bytes::Bytes;
use std::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

/// Which file of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterFile {
    /// `adapter_model.safetensors`
    Weights,
    /// `adapter_config.json`
    Config,
}

/// A file's bytes and the SHA-256 of them.
#[derive(Clone, Debug)]
pub struct FileBody {
    /// The bytes.
    pub bytes: Bytes,
    /// In hexadecimal.
    pub digest: String,
}

impl Service {
    /// Makes the adapter of a description, or finds it.
    ///
    /// # Errors
    /// [`Error::Task`] and [`Error::Invalid`] name the field; [`Error::NoGenerator`],
    /// [`Error::StaleGenerator`], [`Error::NotFound`] (generator), [`Error::NameTaken`], [`Error::QuotaUsed`].
    pub async fn create_adapter(&self, caller: &Caller, request: CreateAdapter) -> Result<CreatedAdapter, Error> {
        let span = tracing::info_span!("adapter", adapter = Empty, cached = Empty);
        let created = self.created_adapter(caller, request).instrument(span.clone()).await;
        let Ok(CreatedAdapter { adapter, cached, timings_ms }) = &created else {
            record::adapter_request(AdapterOutcome::Failed);
            return created;
        };
        record::adapter_request(if *cached { AdapterOutcome::Cached } else { AdapterOutcome::Created });
        span.record("adapter", &adapter.id).record("cached", *cached);
        let CreateTimings { encode, generate, confidence, refine, total } = *timings_ms;
        let (encode_ms, generate_ms, confidence_ms, refine_ms) = (encode, generate, confidence, refine);
        span.in_scope(|| {
            tracing::info!(encode_ms, generate_ms, confidence_ms, refine_ms, total_ms = total, "the adapter is there");
        });
        created
    }

    async fn created_adapter(&self, caller: &Caller, request: CreateAdapter) -> Result<CreatedAdapter, Error> {
        let started = Instant::now();
        let tenant = &*caller.tenant;
        let wanted = self.wanted(request).await?;
        if let Some(record) = self.find(tenant, &wanted.id).await? {
            let record = self.renamed(tenant, record, &wanted).await?;
            let timings_ms = CreateTimings { total: ms(started), ..CreateTimings::default() };
            return Ok(CreatedAdapter { adapter: self.view(record), cached: true, timings_ms });
        }
        let taken = self.take_adapter(caller).await?;
        let created = self.make_adapter(tenant, &wanted, started).await;
        if created.as_ref().map_or(true, |created| created.cached) {
            self.give_back(taken).await;
        }
        created
    }

    async fn make_adapter(&self, tenant: &str, wanted: &Wanted, started: Instant) -> Result<CreatedAdapter, Error> {
        // The first of many equal requests makes it; the others wait for its bytes and get their own rows. The flight is held
        // until the adapter is published, so that nobody makes it again meanwhile.
        let (flight, share) = self.making.join(&wanted.id, || self.make(wanted));
        let made = flight.clone().await.map_err(Error::shared)?;
        let mut timings_ms = if share == Share::Own { made.timings } else { CreateTimings::default() };
        let record = self.record(wanted, &made.adapter, &made.confidence).await?;
        crash::at(Point::AdapterStored);
        let published = self.store.publish_adapter(tenant, &record, wanted.taken).await.map_err(named)?;
        drop(flight);
        timings_ms.total = ms(started);
        let cached = published.outcome == PublishOutcome::Existing;
        Ok(CreatedAdapter { adapter: self.view(published.record), cached, timings_ms })
    }

    /// The adapter of this id or name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn adapter(&self, tenant: &str, id_or_name: &str) -> Result<AdapterView, Error> {
        Ok(self.view(self.resolve(tenant, id_or_name).await?))
    }

    /// The tenant's adapters, newest first.
    ///
    /// # Errors
    /// [`Error::Store`] with an invalid cursor.
    pub async fn list_adapters(
        &self,
        tenant: &str,
        filter: &AdapterFilter,
        page: &PageRequest,
    ) -> Result<Page<AdapterView>, Error> {
        let Page { data, next_cursor } = self.store.list_adapters(tenant, filter, page).await?;
        Ok(Page { data: data.into_iter().map(|record| self.view(record)).collect(), next_cursor })
    }

    /// Takes the adapter from the tenant's list. Requests that use it finish.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_adapter(&self, tenant: &str, id: &str) -> Result<(), Error> {
        let record = self.resolve(tenant, id).await?;
        let unlisted = self.store.unlist_adapter(tenant, &record.id).await.map_err(|e| missing(e, "adapter", id))?;
        if unlisted.last {
            self.backend.forget(&record.id);
            self.making.forget(&record.id);
        }
        Ok(())
    }

    /// The precision that determines what the base reads in a description: of the arithmetic, and of weights kept otherwise.
    pub(super) fn precision(&self) -> String {
        let model = self.base.model();
        let (dtype, weights) = (format!("{:?}", model.dtype()), model.weight_kind());
        if weights.eq_ignore_ascii_case(&dtype) { dtype } else { format!("{dtype} over {weights}") }
    }

    /// One of the adapter's PEFT files.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn adapter_file(&self, tenant: &str, id: &str, file: AdapterFile) -> Result<FileBody, Error> {
        let record = self.resolve(tenant, id).await?;
        let (bytes, digest) = match file {
            AdapterFile::Weights => (self.artifacts.get(&record.digest).await?, record.digest),
            AdapterFile::Config => {
                let digest = sha256_hex(record.config.as_bytes());
                (record.config.into(), digest)
            }
        };
        Ok(FileBody { bytes, digest })
    }

    /// The tenant's record of an id or a name.
    pub(super) async fn resolve(&self, tenant: &str, id_or_name: &str) -> Result<AdapterRecord, Error> {
        match self.find(tenant, id_or_name).await? {
            Some(record) => Ok(record),
            None => {
                let found = self.store.adapter_by_name(tenant, id_or_name).await;
                found.map_err(|e| missing(e, "adapter", id_or_name))
            }
        }
    }

    /// What every route shows of a record.
    pub(super) fn view(&self, record: AdapterRecord) -> AdapterView {
        let this = format!("/adapters/{}", record.id);
        let confidence = record.confidence.and_then(|value| serde_json::from_value(value).ok());
        AdapterView {
            links: AdapterLinks {
                weights: format!("{this}/adapter_model.safetensors"),
                config: format!("{this}/adapter_config.json"),
                this,
            },
            stale: record.base_digest != self.base.digest(),
            id: record.id,
            kind: record.kind,
            name: record.name,
            task: record.task,
            generator: record.generator,
            base_model: record.base_digest,
            rank: record.rank,
            alpha: record.alpha,
            target_modules: record.target_modules,
            parameters: record.parameters,
            bytes: record.bytes,
            digest: record.digest,
            seed: record.seed,
            confidence,
            created_at: record.created_at,
        }
    }

    async fn find(&self, tenant: &str, id: &str) -> Result<Option<AdapterRecord>, Error> {
        match self.store.adapter(tenant, id).await {
            Ok(record) => Ok(Some(record)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn record(
        &self,
        wanted: &Wanted,
        adapter: &Adapter,
        confidence: &Confidence,
    ) -> Result<AdapterRecord, Error> {
        let files = write_peft(adapter, self.base.name())?;
        Ok(AdapterRecord {
            id: wanted.id.clone(),
            kind: AdapterKind::Generated,
            name: wanted.name.clone(),
            task: Some(wanted.description.as_str().to_owned()),
            generator: Some(wanted.generator_id.clone()),
            confidence: Some(serde_json::to_value(confidence).map_err(Error::internal)?),
            // A blend draws nothing.
            seed: wanted.seed.filter(|_| confidence.applied != Answer::Blended).map(|seed| seed as i64),
            ..self.store_files(adapter, files).await?
        })
    }

    async fn renamed(&self, tenant: &str, record: AdapterRecord, wanted: &Wanted) -> Result<AdapterRecord, Error> {
        match wanted.name.as_deref() {
            Some(name) if record.name.as_deref() != Some(name) => {
                self.store.rename_adapter(tenant, &record.id, Some(name), wanted.taken).await.map_err(named)
            }
            _ => Ok(record),
        }
    }

    /// A name is 1 to 128 letters, digits and `._-`, and not the base's.
    pub(super) fn check_name(&self, name: Option<&str>) -> Result<(), Error> {
        let Some(name) = name else { return Ok(()) };
        if name == self.base.name() {
            return Err(Error::NameTaken { name: name.to_owned() });
        }
        if name.len() == ID_CHARS && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            let problem = "has the form of an adapter's id: one that looks up the id would miss it".to_owned();
            return Err(Error::Invalid { field: "name", problem });
        }
        super::tasks::check_name(name)
    }
}

/// Hexadecimal digits of an adapter's id.
const ID_CHARS: usize = 32;

/// A taken name is the caller's to mend.
pub(super) fn named(error: StoreError) -> Error {
    match error {
        StoreError::NameTaken { name, .. } => Error::NameTaken { name },
        other => other.into(),
    }
}

/// What is not found is named as the caller named it.
pub(super) fn missing(error: StoreError, what: &'static str, id: &str) -> Error {
    match error {
        StoreError::NotFound { .. } => Error::NotFound { what, id: id.to_owned() },
        other => other.into(),
    }
}

pub(super) fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
