//! Weights out of a GGUF file, kept as they are stored: quantised matrices stay quantised.

use super::digest::BaseDigest;
use super::source::{Loading, WeightSource};
use super::weight::Weight;
use crate::lm::Error;
use crate::lm::gguf::{GgmlType, GgufFile, GgufTensor, Transform, unpermute_rows};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An open GGUF file.
#[derive(Debug)]
pub struct GgufWeights {
    header: GgufFile,
    name: String,
    path: PathBuf,
    file: Mutex<File>,
}

impl GgufWeights {
    /// Reads the header; the tensors are read when they are asked for.
    ///
    /// # Errors
    /// [`Error::Gguf`] names what is damaged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let header = GgufFile::open(path)?;
        let file = File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { header, name, path: path.to_owned(), file: Mutex::new(file) })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &GgufFile {
        &self.header
    }

    /// Whether any matrix is quantised.
    pub fn is_quantised(&self) -> bool {
        self.header.tensors().iter().any(|tensor| float(tensor.kind).is_none())
    }

    /// Bytes that the tensors take in memory: blocks as they are stored, plain numbers in f32.
    pub fn kept_bytes(&self) -> u64 {
        let kept = |tensor: &GgufTensor| match float(tensor.kind) {
            Some(dtype) => (tensor.bytes / dtype.size_in_bytes() * 4) as u64,
            None => tensor.bytes as u64,
        };
        self.header.tensors().iter().map(kept).sum()
    }

    /// The numbers of a small tensor of floats, by its name in the file.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Unsupported`] where it is no f32.
    pub fn numbers(&self, stored_name: &str) -> Result<Vec<f32>, Error> {
        let missing = || Error::MissingTensor { name: stored_name.to_owned() };
        let tensor = self.header.tensor_as_stored(stored_name).ok_or_else(missing)?;
        Ok(self.dense(tensor, Transform::None, &Device::Cpu)?.flatten_all()?.to_vec1()?)
    }

    /// Adds the whole file to a digest.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where it cannot be read.
    pub fn add_to(&self, digest: &mut BaseDigest) -> Result<(), Error> {
        // Another handle: the tensors are read meanwhile.
        let added =
            File::open(&self.path).and_then(|file| digest.add_reader("model.gguf", file.metadata()?.len(), file));
        added.map_err(|e| self.unreadable(e.to_string()))
    }

    fn read(&self, tensor: &GgufTensor, transform: Transform) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; tensor.bytes];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(tensor.offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|e| self.unreadable(format!("tensor {}: {e}", tensor.name)))?;
        match transform {
            Transform::Permuted { heads } => {
                let rows = tensor.shape.first().copied().unwrap_or(0);
                Ok(unpermute_rows(&bytes, rows, heads)?)
            }
            Transform::None | Transform::MinusOne => Ok(bytes),
        }
    }

    fn unreadable(&self, problem: String) -> Error {
        Error::Checkpoint { file: self.name.clone(), problem }
    }

    /// As plain f32 numbers.
    fn dense(&self, tensor: &GgufTensor, transform: Transform, device: &Device) -> Result<Tensor, Error> {
        let bytes = self.read(tensor, transform)?;
        let values = match float(tensor.kind) {
            Some(dtype) => Tensor::from_raw_buffer(&bytes, dtype, &tensor.shape, &Device::Cpu)?.to_dtype(DType::F32)?,
            None => blocks(tensor, bytes, &Device::Cpu)?.dequantize(&Device::Cpu)?,
        };
        let values = if transform == Transform::MinusOne { (values - 1.0)? } else { values };
        Ok(values.to_device(device)?)
    }
}

/// A GGUF file, and how what it stores as plain numbers is kept.
#[derive(Debug)]
pub struct GgufSource<'a> {
    /// The file.
    pub weights: &'a GgufWeights,
    /// How plain numbers are kept.
    pub loading: &'a Loading,
}

impl GgufSource<'_> {
    fn find(&self, name: &str, shape: &[usize]) -> Result<(&GgufTensor, Transform), Error> {
        let found = self.weights.header.tensor(name);
        let (tensor, transform) = found.ok_or_else(|| Error::MissingTensor { name: name.to_owned() })?;
        if tensor.shape != shape {
            let (found, expected) = (tensor.shape.clone(), shape.to_vec());
            return Err(Error::TensorShape { name: name.to_owned(), found, expected });
        }
        Ok((tensor, transform))
    }
}

impl WeightSource for GgufSource<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let (tensor, transform) = self.find(name, shape)?;
        Ok(self.weights.dense(tensor, transform, &self.loading.device)?.to_dtype(self.loading.dtype)?)
    }

    fn matrix(&self, name: &str, (out, width): (usize, usize)) -> Result<Weight, Error> {
        let (tensor, transform) = self.find(name, &[out, width])?;
        if float(tensor.kind).is_none() && transform != Transform::MinusOne {
            let bytes = self.weights.read(tensor, transform)?;
            return Ok(Weight::of_blocks(bytes, block_kind(tensor.kind), (out, width), &self.loading.device)?);
        }
        let dense = self.weights.dense(tensor, transform, &self.loading.device)?;
        match self.loading.quantization {
            Some(quantization) => Ok(Weight::quantised(&dense, quantization)?),
            None => Ok(Weight::Dense(dense.to_dtype(self.loading.dtype)?)),
        }
    }
}

fn blocks(tensor: &GgufTensor, bytes: Vec<u8>, device: &Device) -> Result<QTensor, Error> {
    let storage = QStorage::from_data(Cow::Owned(bytes), device, block_kind(tensor.kind))?;
    Ok(QTensor::new(storage, tensor.shape.as_slice())?)
}

/// The precision of plain numbers; none for blocks.
fn float(kind: GgmlType) -> Option<DType> {
    match kind {
        GgmlType::F32 => Some(DType::F32),
        GgmlType::F16 => Some(DType::F16),
        GgmlType::Bf16 => Some(DType::BF16),
        _ => None,
    }
}

fn block_kind(kind: GgmlType) -> GgmlDType {
    match kind {
        GgmlType::F32 => GgmlDType::F32,
        GgmlType::F16 => GgmlDType::F16,
        GgmlType::Bf16 => GgmlDType::BF16,
        GgmlType::Q4_0 => GgmlDType::Q4_0,
        GgmlType::Q4_1 => GgmlDType::Q4_1,
        GgmlType::Q5_0 => GgmlDType::Q5_0,
        GgmlType::Q5_1 => GgmlDType::Q5_1,
        GgmlType::Q8_0 => GgmlDType::Q8_0,
        GgmlType::Q8_1 => GgmlDType::Q8_1,
        GgmlType::Q2K => GgmlDType::Q2K,
        GgmlType::Q3K => GgmlDType::Q3K,
        GgmlType::Q4K => GgmlDType::Q4K,
        GgmlType::Q5K => GgmlDType::Q5K,
        GgmlType::Q6K => GgmlDType::Q6K,
        GgmlType::Q8K => GgmlDType::Q8K,
    }
}
