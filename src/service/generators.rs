//! Generator versions: which there are, which serves.

use super::adapters::missing;
use super::files::blocking;
use super::{ActiveGenerator, Error, GeneratorMap, GeneratorView, MappedTask, Service};
use crate::crash::{self, Point};
use crate::generator::{GeneratorFile, TaskVector};
use crate::store::{GeneratorRecord, GeneratorState, Page, PageRequest};
use crate::task::ENCODER_VERSION;
use std::sync::{Arc, PoisonError};

impl Service {
    /// All versions, newest first.
    ///
    /// # Errors
    /// [`Error::Store`] with an invalid cursor.
    pub async fn list_generators(&self, page: &PageRequest) -> Result<Page<GeneratorView>, Error> {
        let Page { data, next_cursor } = self.store.list_generators(page).await?;
        Ok(Page { data: data.into_iter().map(|record| self.generator_view(record)).collect(), next_cursor })
    }

    /// One version.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn generator(&self, id: &str) -> Result<GeneratorView, Error> {
        let record = self.store.generator(id).await.map_err(|e| missing(e, "generator", id))?;
        Ok(self.generator_view(record))
    }

    /// Where the training tasks of a version stand, in the order in which it learned them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn generator_map(&self, id: &str) -> Result<GeneratorMap, Error> {
        let file = self.generator_file(id).await?;
        let task = |task: &TaskVector| MappedTask {
            name: task.name.clone(),
            description: Some(task.description.clone()).filter(|text| !text.is_empty()),
            position: task.position(),
            taught: file.memory().is_taught(&task.name),
        };
        Ok(GeneratorMap { generator: id.to_owned(), tasks: file.tasks().iter().map(task).collect() })
    }

    /// Makes a version the one that serves: promotes it, or rolls back to it. Requests under way finish with
    /// the one that they began with.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::StaleGenerator`] where it was made for another base, [`Error::OtherEncoder`] by
    /// another version of attune.
    pub async fn activate_generator(&self, id: &str) -> Result<GeneratorView, Error> {
        // Load it first: a damaged file must not become the one that serves.
        let file = self.generator_file(id).await?;
        file.check(self.base.digest(), ENCODER_VERSION).map_err(Error::generator)?;
        let record = self.store.activate_generator(id).await.map_err(|e| missing(e, "generator", id))?;
        let active = ActiveGenerator { id: id.to_owned(), file };
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Some(active);
        Ok(self.generator_view(record))
    }

    /// Stores a generator's file as a version, inactive; its id is the beginning of its digest.
    ///
    /// # Errors
    /// Those of the stores.
    pub async fn add_generator(&self, version: NewGenerator) -> Result<GeneratorRecord, Error> {
        let bytes = version.file.to_bytes().map_err(Error::generator)?;
        let size = bytes.len() as u64;
        let digest = self.artifacts.put(bytes).await?;
        let record = GeneratorRecord {
            id: digest.chars().take(16).collect(),
            base_digest: version.file.base_digest().to_owned(),
            state: GeneratorState::Ready,
            arch: version.file.config().arch.name().to_owned(),
            digest,
            bytes: size,
            evaluation: version.evaluation,
            parent: version.parent,
            active: false,
            created_at: (self.clock)(),
        };
        crash::at(Point::GeneratorStored);
        Ok(self.store.insert_generator(&record).await?)
    }

    /// The generator of this id, or the active one.
    pub(super) async fn generator_or_active(&self, id: Option<&str>) -> Result<(String, Arc<GeneratorFile>), Error> {
        if let Some(id) = id {
            return Ok((id.to_owned(), self.generator_file(id).await?));
        }
        self.follow_active().await?;
        self.active().map(|active| (active.id, active.file)).ok_or(Error::NoGenerator)
    }

    /// Takes up the generator that another process has made the one that serves.
    pub(super) async fn follow_active(&self) -> Result<(), Error> {
        let record = self.store.active_generator(self.base.digest()).await?;
        let known = record.as_ref().map(|record| &record.id) == self.active().map(|active| active.id).as_ref();
        if known { Ok(()) } else { self.take_up(record).await }
    }

    /// A generator's file, loaded once.
    pub(super) async fn generator_file(&self, id: &str) -> Result<Arc<GeneratorFile>, Error> {
        if let Some(file) = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(file));
        }
        let record = self.store.generator(id).await.map_err(|e| missing(e, "generator", id))?;
        let (bytes, device) = (self.artifacts.get(&record.digest).await?, self.base.model().device().clone());
        let load = move || GeneratorFile::from_bytes(&bytes, &device).map_err(Error::generator);
        let file = Arc::new(blocking(load).await?);
        // Two that load at once must end with one file: rows share x·A0ᵀ only where they share A0.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(loaded.entry(id.to_owned()).or_insert(file)))
    }

    /// Takes up the generator that the store says serves this base.
    pub(super) async fn load_active(&self) -> Result<(), Error> {
        self.take_up(self.store.active_generator(self.base.digest()).await?).await
    }

    /// Makes the generator of this record the one that serves here, where it can.
    async fn take_up(&self, record: Option<GeneratorRecord>) -> Result<(), Error> {
        let active = match record {
            Some(record) => Some(ActiveGenerator { file: self.generator_file(&record.id).await?, id: record.id }),
            None => None,
        };
        let active = active.filter(|active| match active.file.check(self.base.digest(), ENCODER_VERSION) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(generator = active.id, %error, "the active generator cannot serve");
                false
            }
        });
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = active;
        Ok(())
    }

    fn generator_view(&self, record: GeneratorRecord) -> GeneratorView {
        GeneratorView {
            stale: record.base_digest != self.base.digest(),
            id: record.id,
            base_model: record.base_digest,
            arch: record.arch,
            active: record.active,
            bytes: record.bytes,
            evaluation: record.evaluation,
            parent: record.parent,
            created_at: record.created_at,
        }
    }
}

/// A version that is to be stored.
#[derive(Clone, Debug)]
pub struct NewGenerator {
    /// Its file.
    pub file: Arc<GeneratorFile>,
    /// What was measured.
    pub evaluation: Option<serde_json::Value>,
    /// The version that it grew from.
    pub parent: Option<String>,
}
