//! A checkpoint in safetensors: one file, or shards with an index, read tensor by tensor.
//!
//! Headers are checked when a file is opened; bytes are read when a tensor is asked for, so that no
//! more than one tensor is ever in memory twice, and a file that is cut short under us is an error
//! and no fault.

use super::digest::BaseDigest;
use super::weight::CHUNK_NUMBERS;
use crate::lm::Error;
use candle_core::{DType, Device, Tensor, WithDType};
use safetensors::tensor::{Dtype, Metadata};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The largest header that is read, in bytes: the library's own limit.
const MAX_HEADER: u64 = 100_000_000;

/// One tensor, not read yet.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// How its numbers are stored.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its bytes.
    pub bytes: usize,
    offset: u64,
    file: usize,
}

/// The tensors of a model's files.
#[derive(Debug)]
pub struct Checkpoint {
    files: Vec<(String, Mutex<Source>)>,
    tensors: BTreeMap<String, TensorInfo>,
}

/// Where one file's bytes are.
enum Source {
    Disk(File, PathBuf),
    Memory(Cursor<Vec<u8>>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disk(..) => "Disk",
            Self::Memory(_) => "Memory",
        })
    }
}

#[derive(serde::Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// [`Error::File`] names the file that is missing; [`Error::Checkpoint`] one that is damaged.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mut checkpoint = Self { files: Vec::new(), tensors: BTreeMap::new() };
        for path in weight_files(dir)? {
            let file = File::open(&path).map_err(|source| Error::File { path: path.clone(), source })?;
            let length = file.metadata().map_err(|source| Error::File { path: path.clone(), source })?.len();
            checkpoint.add(name_of(&path), Source::Disk(file, path.clone()), length)?;
        }
        Ok(checkpoint)
    }

    /// A file that is in memory.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where it is damaged.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        let mut checkpoint = Self { files: Vec::new(), tensors: BTreeMap::new() };
        let length = bytes.len() as u64;
        checkpoint.add("model.safetensors".to_owned(), Source::Memory(Cursor::new(bytes)), length)?;
        Ok(checkpoint)
    }

    fn add(&mut self, name: String, mut source: Source, length: u64) -> Result<(), Error> {
        let (header, start) =
            read_header(&mut source, length).map_err(|problem| Error::Checkpoint { file: name.clone(), problem })?;
        let file = self.files.len();
        for (tensor, info) in header.tensors() {
            let (from, to) = info.data_offsets;
            let entry = TensorInfo {
                dtype: info.dtype,
                shape: info.shape.clone(),
                bytes: to - from,
                offset: start + from as u64,
                file,
            };
            if self.tensors.insert(tensor.clone(), entry).is_some() {
                return Err(Error::Checkpoint { file: name, problem: format!("tensor {tensor} is in two files") });
            }
        }
        self.files.push((name, Mutex::new(source)));
        Ok(())
    }

    /// The tensors' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// One tensor's type and shape.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// The bytes of a tensor.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] where there is none; [`Error::Checkpoint`] where the file ends too early.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let info = self.info(name).ok_or_else(|| Error::MissingTensor { name: name.to_owned() })?;
        self.read_at(name, info, 0..info.bytes)
    }

    fn read_at(&self, name: &str, info: &TensorInfo, range: Range<usize>) -> Result<Vec<u8>, Error> {
        let (file, source) = &self.files[info.file];
        let mut source = source.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut bytes = vec![0; range.len()];
        source
            .read_at(info.offset + range.start as u64, &mut bytes)
            .map_err(|e| Error::Checkpoint { file: file.clone(), problem: format!("tensor {name}: {e}") })?;
        Ok(bytes)
    }

    /// A float tensor in `dtype`, on the CPU.
    ///
    /// # Errors
    /// As [`Self::read`]; [`Error::TensorShape`] where it has another shape, [`Error::Unsupported`] where
    /// its numbers are no floats.
    pub fn tensor(&self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor, Error> {
        match dtype {
            DType::F32 => self.gather::<f32>(name, shape),
            DType::F16 => self.gather::<half::f16>(name, shape),
            DType::BF16 => self.gather::<half::bf16>(name, shape),
            _ => self.part(name, shape, 0..shape.first().copied().unwrap_or(1), dtype),
        }
    }

    /// Reads some rows at a time into their place, so that no second copy of a large matrix is ever made.
    fn gather<T: WithDType>(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let rows = shape.first().copied().unwrap_or(1);
        let numbers: usize = shape.iter().product();
        let at_once = (CHUNK_NUMBERS / (numbers / rows.max(1)).max(1)).max(1);
        if rows <= at_once {
            return self.part(name, shape, 0..rows, T::DTYPE);
        }
        let mut values: Vec<T> = Vec::new();
        for first in (0..rows).step_by(at_once) {
            let part = self.part(name, shape, first..rows.min(first + at_once), T::DTYPE)?;
            // The first part has shown that the file holds such a tensor.
            values.reserve_exact(numbers - values.len());
            values.extend(part.flatten_all()?.to_vec1::<T>()?);
        }
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// Some rows (along the first dimension) of a float tensor in `dtype`, on the CPU.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn part(&self, name: &str, shape: &[usize], rows: Range<usize>, dtype: DType) -> Result<Tensor, Error> {
        let info = self.info(name).ok_or_else(|| Error::MissingTensor { name: name.to_owned() })?;
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(Error::TensorShape { name: name.to_owned(), found, expected });
        }
        let stored = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                let value = format!("{other:?} of {name} (known: F32, F16, BF16)");
                return Err(Error::Unsupported { what: "tensor type", value });
            }
        };
        let mut shape = shape.to_vec();
        let row_bytes = info.bytes / shape.first().copied().unwrap_or(1).max(1);
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        let bytes = self.read_at(name, info, rows.start * row_bytes..rows.end * row_bytes)?;
        Ok(Tensor::from_raw_buffer(&bytes, stored, &shape, &Device::Cpu)?.to_dtype(dtype)?)
    }

    /// Adds every file's name and bytes to a digest.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where a file cannot be read.
    pub fn add_to(&self, digest: &mut BaseDigest) -> Result<(), Error> {
        for (name, source) in &self.files {
            let path = match &*source.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
                Source::Memory(bytes) => {
                    digest.add(name, bytes.get_ref());
                    continue;
                }
                Source::Disk(_, path) => path.clone(),
            };
            // Another handle: the tensors are read meanwhile.
            let added = File::open(path).and_then(|file| digest.add_reader(name, file.metadata()?.len(), file));
            added.map_err(|e| Error::Checkpoint { file: name.clone(), problem: e.to_string() })?;
        }
        Ok(())
    }

    /// The type that most of the numbers have.
    pub fn main_dtype(&self) -> Option<DType> {
        let mut counts: BTreeMap<&'static str, (usize, DType)> = BTreeMap::new();
        for info in self.tensors.values() {
            let known = match info.dtype {
                Dtype::F32 => ("f32", DType::F32),
                Dtype::F16 => ("f16", DType::F16),
                Dtype::BF16 => ("bf16", DType::BF16),
                _ => continue,
            };
            counts.entry(known.0).or_insert((0, known.1)).0 += info.shape.iter().product::<usize>();
        }
        counts.into_values().max_by_key(|(count, _)| *count).map(|(_, dtype)| dtype)
    }
}

impl Source {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        match self {
            Self::Disk(file, _) => {
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(into)
            }
            Self::Memory(bytes) => {
                bytes.set_position(offset);
                bytes.read_exact(into)
            }
        }
    }
}

/// The checked header, and where the tensors' bytes begin.
fn read_header(source: &mut Source, length: u64) -> Result<(Metadata, u64), String> {
    let mut size = [0; 8];
    source.read_at(0, &mut size).map_err(|_| "is too short for a header".to_owned())?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER || size > length.saturating_sub(8) {
        return Err(format!("says that its header has {size} bytes, but the file has {length}"));
    }
    let mut header = vec![0; size as usize];
    source.read_at(8, &mut header).map_err(|e| e.to_string())?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| format!("has a damaged header: {e}"))?;
    let end = 8 + size + data_length(&metadata)?;
    if end != length {
        return Err(format!("has {length} bytes, its header needs {end}: is the download whole?"));
    }
    Ok((metadata, 8 + size))
}

/// The bytes of all tensors, which must follow each other without gap or overlap, each as long as its
/// type and shape say.
fn data_length(metadata: &Metadata) -> Result<u64, String> {
    let mut tensors: Vec<_> = metadata.tensors().into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in tensors {
        let numbers = info.shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size));
        let bits = numbers.and_then(|numbers| numbers.checked_mul(info.dtype.bitsize()));
        let (from, to) = info.data_offsets;
        if from != end || to < from || bits.is_none_or(|bits| bits.div_ceil(8) != to - from) {
            return Err(format!(
                "has a damaged header: tensor {name} overlaps another, or has not the bytes of its shape"
            ));
        }
        end = to;
    }
    Ok(end as u64)
}

/// The weight files of a directory, in order.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let index = dir.join("model.safetensors.index.json");
    let single = dir.join("model.safetensors");
    // As transformers chooses where both are there.
    if single.exists() || !index.exists() {
        return Ok(vec![single]);
    }
    let text = std::fs::read(&index).map_err(|source| Error::File { path: index.clone(), source })?;
    let parsed: Index = serde_json::from_slice(&text).map_err(|source| Error::Json { path: index.clone(), source })?;
    let mut names: Vec<_> = parsed.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    if let Some(name) = names.iter().find(|name| name.contains(['/', '\\']) || name.as_str() == "..") {
        let problem = format!("names the shard {name:?}, which is not a file of the directory");
        return Err(Error::Checkpoint { file: name_of(&index), problem });
    }
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
