//! A checkpoint with an adapter merged into it, written as a Hugging Face directory.
//!
//! Tensor by tensor: what the adapter changes is read, summed in f32 and rounded to the type that it is stored in;
//! the rest is copied byte by byte. No more than one tensor is in memory.

use super::Checkpoint;
use super::shards::{Shard, Shards};
use crate::lm::Error;
use crate::lora::{Adapter, merged_weight};
use candle_core::{DType, Device, Tensor};
use safetensors::View;
use safetensors::tensor::Dtype;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What is merged, and what is written beside the weights.
#[derive(Clone, Copy, Debug)]
pub struct Merging<'a> {
    /// The base's weights.
    pub checkpoint: &'a Checkpoint,
    /// The adapter, on the CPU.
    pub adapter: &'a Adapter,
    /// The factor of its update.
    pub scale: f64,
    /// The most bytes of tensors in one file; a tensor that is larger has a file of its own.
    pub max_shard_bytes: u64,
    /// Names and contents of the other files: configuration, tokenizer.
    pub companions: &'a [(String, Vec<u8>)],
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Tensors that the adapter changed.
    pub changed: usize,
    /// All tensors.
    pub tensors: usize,
    /// Weight files.
    pub shards: usize,
    /// Bytes of all tensors.
    pub bytes: u64,
}

impl Merging<'_> {
    /// Writes the directory `out`, which must be empty or absent; it is there when it is whole, and not before.
    /// `progress` is told how many of how many tensors are written.
    ///
    /// # Errors
    /// [`Error::OutputExists`], [`Error::Write`]; [`Error::MissingTensor`] and [`Error::TensorShape`] where the adapter
    /// changes what the checkpoint does not have; those of reading it.
    pub fn write(&self, out: &Path, progress: &dyn Fn(usize, usize)) -> Result<Merged, Error> {
        let changes = self.changes()?;
        if std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) || out.is_file() {
            return Err(Error::OutputExists { path: out.to_owned() });
        }
        let sizes = self.checkpoint.names().filter_map(|name| Some((name, self.checkpoint.info(name)?.bytes as u64)));
        let shards = Shards::split(sizes, self.max_shard_bytes);
        let partial = Partial::create(out)?;
        let written = Written { merging: self, changes: &changes, done: RefCell::new((0, None)), progress };
        for shard in shards.iter() {
            written.shard(&shard, &partial.path.join(&shard.file))?;
        }
        if let Some(index) = shards.index() {
            partial.file("model.safetensors.index.json", index.as_bytes())?;
        }
        for (name, bytes) in self.companions {
            partial.file(name, bytes)?;
        }
        partial.rename(out)?;
        let (tensors, bytes) = (self.checkpoint.names().count(), shards.bytes());
        Ok(Merged { changed: changes.len(), tensors, shards: shards.iter().count(), bytes })
    }

    /// The changed tensors' names, each with its slot in the adapter.
    fn changes(&self) -> Result<HashMap<String, usize>, Error> {
        let slots = self.adapter.layout().slots().iter().enumerate();
        slots
            .map(|(index, slot)| {
                let name = format!("{}.weight", slot.path());
                let info = self.checkpoint.info(&name).ok_or_else(|| Error::MissingTensor { name: name.clone() })?;
                let expected = vec![slot.output, slot.input];
                if info.shape != expected {
                    return Err(Error::TensorShape { name, found: info.shape.clone(), expected });
                }
                Ok((name, index))
            })
            .collect()
    }

    /// W + scale · B · A in W's type, as bytes.
    fn merged(&self, name: &str, slot: usize) -> Result<Vec<u8>, Error> {
        let unknown = || Error::MissingTensor { name: name.to_owned() };
        let info = self.checkpoint.info(name).ok_or_else(unknown)?;
        let stored = match info.dtype {
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            // Any other type is refused by its name when it is read.
            _ => DType::F32,
        };
        let weight = self.checkpoint.tensor(name, &info.shape, stored)?;
        let [a, b] = [self.adapter.a(slot), self.adapter.b(slot)].map(|part| part.to_device(&Device::Cpu));
        let merged = merged_weight(&weight, &a?, &b?, self.adapter.scale(slot) * self.scale)?;
        bytes_of(&merged)
    }
}

/// A tensor's numbers, little-endian, in its own type.
fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>, Error> {
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::F16 => flat.to_vec1::<half::f16>()?.into_iter().flat_map(half::f16::to_le_bytes).collect(),
        DType::BF16 => flat.to_vec1::<half::bf16>()?.into_iter().flat_map(half::bf16::to_le_bytes).collect(),
        _ => flat.to_vec1::<f32>()?.into_iter().flat_map(f32::to_le_bytes).collect(),
    })
}

/// The tensors on their way into files. `done` counts them, and keeps the first error: the library that writes a file
/// asks for bytes and cannot be told that there are none.
struct Written<'a> {
    merging: &'a Merging<'a>,
    changes: &'a HashMap<String, usize>,
    done: RefCell<(usize, Option<Error>)>,
    progress: &'a dyn Fn(usize, usize),
}

impl Written<'_> {
    fn shard(&self, shard: &Shard<'_>, path: &Path) -> Result<(), Error> {
        let views = shard.names.iter().map(|name| (*name, Lazy { name, written: self }));
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let written = safetensors::serialize_to_file(views, Some(metadata), path);
        if let Some(error) = self.done.borrow_mut().1.take() {
            return Err(error);
        }
        written.map_err(|error| Error::Write { path: path.to_owned(), source: std::io::Error::other(error) })
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        if self.done.borrow().1.is_some() {
            return Vec::new();
        }
        let bytes = match self.changes.get(name) {
            Some(slot) => self.merging.merged(name, *slot),
            None => self.merging.checkpoint.read(name),
        };
        let mut done = self.done.borrow_mut();
        match bytes {
            Ok(bytes) => {
                done.0 += 1;
                (self.progress)(done.0, self.merging.checkpoint.names().count());
                bytes
            }
            Err(error) => {
                done.1 = Some(error);
                Vec::new()
            }
        }
    }
}

/// A tensor that is made when its bytes are written.
struct Lazy<'a> {
    name: &'a str,
    written: &'a Written<'a>,
}

impl View for Lazy<'_> {
    fn dtype(&self) -> Dtype {
        self.written.merging.checkpoint.info(self.name).map_or(Dtype::F32, |info| info.dtype)
    }

    fn shape(&self) -> &[usize] {
        self.written.merging.checkpoint.info(self.name).map_or(&[], |info| &info.shape)
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.written.bytes(self.name).into()
    }

    fn data_len(&self) -> usize {
        self.written.merging.checkpoint.info(self.name).map_or(0, |info| info.bytes)
    }
}

/// A directory beside the one that is wanted; it goes where it is not renamed.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn create(out: &Path) -> Result<Self, Error> {
        let refused = |path: &Path, source| Error::Write { path: path.to_owned(), source };
        let name = out.file_name().ok_or_else(|| refused(out, std::io::ErrorKind::InvalidFilename.into()))?;
        let path = out.with_file_name(format!(".{}.{}.partial", name.to_string_lossy(), std::process::id()));
        std::fs::create_dir_all(&path).map_err(|source| refused(&path, source))?;
        Ok(Self { path })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        std::fs::write(&path, bytes).map_err(|source| Error::Write { path, source })
    }

    fn rename(self, out: &Path) -> Result<(), Error> {
        // An empty directory is in the way on some systems.
        let _ = std::fs::remove_dir(out);
        std::fs::rename(&self.path, out).map_err(|source| Error::Write { path: out.to_owned(), source })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the renaming there is nothing of that name any more.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
