//! Adapters: from a description, by id, as files.

use super::api::{AdapterLinks, AdapterView, CreateAdapter, CreateTimings, CreatedAdapter};
use super::files::blocking;
use super::{Error, MAX_SAMPLES, Service};
use crate::generator::{Confidence, Draw, GeneratorFile};
use crate::lora::{Adapter, write_peft};
use crate::store::{
    AdapterFilter, AdapterKind, AdapterRecord, OnNameTaken, Page, PageRequest, PublishOutcome, StoreError,
};
use crate::task::{Demonstrations, Description, ENCODER_VERSION};
use crate::training;
use crate::training::best_of::{Samples, best_of};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;

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

/// A validated request, and the id that it determines.
struct Wanted {
    id: String,
    description: Description,
    demonstrations: Demonstrations,
    generator_id: String,
    generator: Arc<GeneratorFile>,
    seed: Option<u64>,
    samples: usize,
    name: Option<String>,
    taken: OnNameTaken,
}

/// What making an adapter gave.
pub(super) struct Made {
    pub(super) adapter: Adapter,
    confidence: Confidence,
    timings: CreateTimings,
}

impl Service {
    /// Makes the adapter of a description, or finds it.
    ///
    /// # Errors
    /// [`Error::Task`] and [`Error::Invalid`] name the field; [`Error::NoGenerator`],
    /// [`Error::StaleGenerator`], [`Error::NotFound`] (generator), [`Error::NameTaken`].
    pub async fn create_adapter(&self, tenant: &str, request: CreateAdapter) -> Result<CreatedAdapter, Error> {
        let started = Instant::now();
        let wanted = self.wanted(request).await?;
        if let Some(record) = self.find(tenant, &wanted.id).await? {
            let record = self.renamed(tenant, record, &wanted).await?;
            let timings_ms = CreateTimings { total: ms(started), ..CreateTimings::default() };
            return Ok(CreatedAdapter { adapter: self.view(record), cached: true, timings_ms });
        }
        // The first of many equal requests makes it; the others wait for its bytes and get their own rows.
        let own = std::sync::atomic::AtomicBool::new(false);
        let made = self
            .making
            .once(&wanted.id, async {
                own.store(true, std::sync::atomic::Ordering::Relaxed);
                self.make(&wanted).await
            })
            .await?;
        let mut timings_ms = if own.into_inner() { made.timings } else { CreateTimings::default() };
        let record = self.record(&wanted, &made.adapter, &made.confidence).await?;
        let published = self.store.publish_adapter(tenant, &record, wanted.taken).await.map_err(named)?;
        self.making.forget(&wanted.id).await;
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
            self.resident.forget(&record.id);
            self.making.forget(&record.id).await;
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
        let files = self.stored_files(&record).await?;
        let bytes = match file {
            AdapterFile::Weights => files.weights,
            AdapterFile::Config => files.config,
        };
        let digest = crate::store::artifacts::sha256_hex(&bytes);
        Ok(FileBody { bytes: bytes.into(), digest })
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

    async fn wanted(&self, request: CreateAdapter) -> Result<Wanted, Error> {
        let description = Description::new(&request.task)?;
        let demonstrations = Demonstrations::new(request.examples)?;
        let samples = request.samples.unwrap_or(1);
        if samples == 0 || samples > MAX_SAMPLES {
            return Err(invalid("samples", format!("must be between 1 and {MAX_SAMPLES}")));
        }
        if samples > 1 && demonstrations.examples().is_empty() {
            return Err(invalid("samples", "more than one needs examples to choose by: send examples".into()));
        }
        self.check_name(request.name.as_deref())?;
        let seed = request.seed.or((samples > 1).then_some(0));
        let (generator_id, generator) = self.generator_or_active(request.generator.as_deref()).await?;
        generator.check_base(self.base.digest()).map_err(Error::generator)?;
        let id = self.adapter_id(&description, &demonstrations, &generator_id, (seed, samples));
        let taken = if request.replace { OnNameTaken::Replace } else { OnNameTaken::Refuse };
        let name = request.name;
        Ok(Wanted { id, description, demonstrations, generator_id, generator, seed, samples, name, taken })
    }

    /// The digest of all that determines the adapter.
    fn adapter_id(
        &self,
        description: &Description,
        demonstrations: &Demonstrations,
        generator: &str,
        (seed, samples): (Option<u64>, usize),
    ) -> String {
        let all = serde_json::json!({
            "base": self.base.digest(), "dtype": self.precision(), "generator": generator,
            "encoder": ENCODER_VERSION, "description": description.as_str(),
            "demonstrations": demonstrations.examples(), "seed": seed, "samples": samples,
        });
        let digest = Sha256::digest(all.to_string().as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, Error> {
        let (encoder, base) = (self.encoder.clone(), self.base.clone());
        let (description, demonstrations) = (wanted.description.clone(), wanted.demonstrations.clone());
        let (generator, seed, samples) = (Arc::clone(&wanted.generator), wanted.seed, wanted.samples);
        blocking(move || {
            let started = Instant::now();
            let raw = encoder.encode(&[(description.as_str(), &demonstrations)]).map_err(Error::model)?;
            let condition = generator.standardised(&raw[0]).map_err(Error::generator)?;
            let encode = ms(started);
            let adapter = match seed {
                None => generator.generate(&condition, Draw::Mean).map_err(Error::generator)?,
                Some(seed) => {
                    let samples = Samples { seed, count: samples };
                    best_of(&base, &generator, (&condition, demonstrations.examples()), samples).map_err(unmade)?
                }
            };
            let confidence = generator.confidence(&condition).map_err(Error::generator)?;
            let timings = CreateTimings { encode, generate: ms(started) - encode, total: ms(started) };
            Ok(Made { adapter, confidence, timings })
        })
        .await
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
            seed: wanted.seed.map(|seed| seed as i64),
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

/// What a caller can mend of a failed choice between samples stays what it is.
fn unmade(error: training::Error) -> Error {
    match error {
        training::Error::Model(error) => Error::model(error),
        training::Error::Generator(error) => Error::generator(error),
        other => Error::internal(other),
    }
}

fn invalid(field: &'static str, problem: String) -> Error {
    Error::Invalid { field, problem }
}

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
