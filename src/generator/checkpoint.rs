//! A generator with all that it needs at inference, as one safetensors file: A0, networks,
//! normaliser (in the decoder's basis and means), standardiser, the training tasks' vectors.

use super::{
    Calibration, Conditions, Confidence, Curves, Cvae, Error, Evidence, GeneratorConfig, Judge, Memory, Scale,
    Standardiser, TaskVector, Trial,
};
use crate::lora::{Adapter, SharedA};
use crate::noise::Noise;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    config: GeneratorConfig,
    base_digest: String,
    encoder_version: String,
    tasks: Vec<String>,
    /// One of each task's descriptions, in the tasks' order.
    #[serde(default)]
    descriptions: Vec<String>,
    calibration: Calibration,
    /// How many of the tasks, the last ones, were taught by growing.
    #[serde(default, skip_serializing_if = "is_zero")]
    taught: usize,
    /// Of adapters that are settled where they are doubted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    served: Option<Calibration>,
    /// Of adapters that learned from demonstrations where they were doubted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<Calibration>,
}

/// An immutable, versioned generator, bound to one base.
#[derive(Clone, Debug)]
pub struct GeneratorFile {
    config: GeneratorConfig,
    base_digest: String,
    encoder_version: String,
    shared: SharedA,
    standardiser: Standardiser,
    memory: Memory,
    curves: Curves,
    weights: HashMap<String, Tensor>,
    cvae: Cvae,
    judge: Option<Judge>,
}

/// What a trainer hands over.
pub struct Parts {
    /// Sizes.
    pub config: GeneratorConfig,
    /// The base that it is bound to.
    pub base_digest: String,
    /// The encoder that made the conditions.
    pub encoder_version: String,
    /// A0
    pub shared: SharedA,
    /// Statistics of the conditions.
    pub standardiser: Standardiser,
    /// The training tasks.
    pub memory: Memory,
    /// Prior's and decoder's weights by name; others are left out.
    pub weights: HashMap<String, Tensor>,
}

const HEADER: &str = "attune";
const FORMAT: u32 = 1;

impl GeneratorFile {
    /// A generator of a trainer's parts.
    ///
    /// # Errors
    /// Where a weight is missing or of another shape.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let wanted =
            |name: &String| ["prior.", "decoder.", "pooling.", "judge."].iter().any(|part| name.starts_with(part));
        let weights: HashMap<String, Tensor> =
            parts.weights.into_iter().filter(|(name, _)| wanted(name)).map(|(n, t)| (n, t.detach())).collect();
        let cvae = load_cvae(&parts.config, &weights)?;
        let judge = load_judge(&parts.config, &weights)?;
        let mut standardiser = parts.standardiser;
        if parts.config.tokens == 0 {
            standardiser.token = Scale::default();
        }
        Ok(Self {
            config: parts.config,
            base_digest: parts.base_digest,
            encoder_version: parts.encoder_version,
            shared: parts.shared,
            standardiser,
            memory: parts.memory,
            curves: Curves::default(),
            weights,
            cvae,
            judge,
        })
    }

    /// Reads a file that [`Self::to_bytes`] wrote. Nothing is allocated for a tensor before the
    /// file's header has been checked.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::MissingTensor`].
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, Error> {
        let invalid = |reason: String| Error::File { reason };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| invalid(e.to_string()))?;
        let text = metadata.metadata().as_ref().and_then(|m| m.get(HEADER));
        let text = text.ok_or_else(|| invalid("it has no attune header".into()))?;
        let header: Header = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
        if header.format != FORMAT {
            return Err(invalid(format!("format {} is not known, only {FORMAT}", header.format)));
        }
        let mut tensors = HashMap::new();
        for (name, tensor) in candle_core::safetensors::load_buffer(bytes, device)? {
            tensors.insert(name, tensor.to_dtype(DType::F32)?);
        }
        let mut take = |name: &str| tensors.remove(name).ok_or_else(|| Error::MissingTensor { name: name.to_owned() });
        let slots = header.config.layout.slots().len();
        let a = (0..slots).map(|i| take(&format!("a0.{i}"))).collect::<Result<_, _>>()?;
        let mut scale = |of: &str| -> Result<Scale, Error> {
            let mean = take(&format!("{of}.mean"))?.to_vec1()?;
            Ok(Scale { mean, deviation: take(&format!("{of}.deviation"))?.to_vec1()? })
        };
        let vector = scale("condition")?;
        let token = if header.config.tokens > 0 { scale("token")? } else { Scale::default() };
        if vector.mean.len() != header.config.condition || token.mean.len() != header.config.tokens {
            return Err(invalid("its statistics are of another width than its networks read".into()));
        }
        let standardiser = Standardiser { vector, token };
        let vectors = take("tasks")?.to_vec2::<f32>()?;
        let (axes, within) = (take("tasks.axes")?.to_vec2()?, take("tasks.within")?.to_vec1()?);
        let cvae = load_cvae(&header.config, &tensors)?;
        let judge = load_judge(&header.config, &tensors)?;
        let descriptions = header.descriptions.into_iter().chain(std::iter::repeat(String::new()));
        let taught = header.taught.min(header.tasks.len());
        let tasks = header.tasks.into_iter().zip(vectors).zip(descriptions);
        let tasks = tasks.map(|((name, vector), description)| TaskVector { name, vector, description });
        Ok(Self {
            shared: SharedA::from_tensors(header.config.layout.clone(), a)?,
            config: header.config,
            base_digest: header.base_digest,
            encoder_version: header.encoder_version,
            standardiser,
            memory: Memory { axes, tasks: tasks.collect(), taught, within },
            curves: Curves { written: header.calibration, served: header.served, shown: header.shown },
            weights: tensors,
            cvae,
            judge,
        })
    }

    /// The file's bytes: networks and task vectors in bf16, the rest in f32. The same generator gives the same bytes.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = Header {
            format: FORMAT,
            config: self.config.clone(),
            base_digest: self.base_digest.clone(),
            encoder_version: self.encoder_version.clone(),
            tasks: self.memory.tasks.iter().map(|task| task.name.clone()).collect(),
            descriptions: self.memory.tasks.iter().map(|task| task.description.clone()).collect(),
            calibration: self.curves.written,
            served: self.curves.served,
            shown: self.curves.shown,
            taught: self.memory.taught,
        };
        let mut named: Vec<(String, Tensor)> = Vec::new();
        for (name, tensor) in &self.weights {
            named.push((name.clone(), tensor.to_device(&Device::Cpu)?.to_dtype(DType::BF16)?.contiguous()?));
        }
        for (i, a) in self.shared.tensors().iter().enumerate() {
            named.push((format!("a0.{i}"), a.to_device(&Device::Cpu)?));
        }
        let vector = |values: &[f32]| Tensor::from_slice(values, values.len(), &Device::Cpu);
        for (of, scale) in [("condition", &self.standardiser.vector), ("token", &self.standardiser.token)] {
            if !scale.mean.is_empty() {
                named.push((format!("{of}.mean"), vector(&scale.mean)?));
                named.push((format!("{of}.deviation"), vector(&scale.deviation)?));
            }
        }
        let matrix = |rows: Vec<&[f32]>| -> candle_core::Result<Tensor> {
            let width = rows.first().map_or(0, |row| row.len());
            Tensor::from_vec(rows.concat(), (rows.len(), width), &Device::Cpu)?.to_dtype(DType::BF16)
        };
        named.push(("tasks".into(), matrix(self.memory.tasks.iter().map(|t| t.vector.as_slice()).collect())?));
        named.push(("tasks.axes".into(), matrix(self.memory.axes.iter().map(Vec::as_slice).collect())?));
        named.push(("tasks.within".into(), vector(&self.memory.within)?));
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let header = serde_json::to_string(&header).map_err(|e| Error::File { reason: e.to_string() })?;
        let metadata = HashMap::from([(HEADER.to_owned(), header)]);
        safetensors::serialize(named, Some(metadata)).map_err(|e| Error::File { reason: e.to_string() })
    }

    /// SHA-256 of its bytes, in hexadecimal.
    ///
    /// # Errors
    /// As [`Self::to_bytes`].
    pub fn digest(&self) -> Result<String, Error> {
        Ok(Sha256::digest(self.to_bytes()?).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Refuses another base than the one it was trained for, and conditions of another encoder.
    ///
    /// # Errors
    /// [`Error::OtherBase`], [`Error::OtherEncoder`].
    pub fn check(&self, base_digest: &str, encoder_version: &'static str) -> Result<(), Error> {
        if self.base_digest != base_digest {
            return Err(Error::OtherBase { made_for: self.base_digest.clone(), base: base_digest.to_owned() });
        }
        if self.encoder_version != encoder_version {
            return Err(Error::OtherEncoder { trained_with: self.encoder_version.clone(), encoder: encoder_version });
        }
        Ok(())
    }

    /// Sizes.
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// A0
    pub fn shared(&self) -> &SharedA {
        &self.shared
    }

    /// The base that it is bound to.
    pub fn base_digest(&self) -> &str {
        &self.base_digest
    }

    /// The encoder that its conditions come from.
    pub fn encoder_version(&self) -> &str {
        &self.encoder_version
    }

    /// The training tasks.
    pub fn tasks(&self) -> &[TaskVector] {
        &self.memory.tasks
    }

    /// What it remembers of them.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Prior's and decoder's weights by name.
    pub fn weights(&self) -> &HashMap<String, Tensor> {
        &self.weights
    }

    /// Bytes of its networks as they are stored, in bf16, without A0 and what it remembers.
    pub fn networks_bytes(&self) -> usize {
        self.weights.values().map(|weight| 2 * weight.elem_count()).sum()
    }

    /// The statistics of its conditions.
    pub fn standardiser(&self) -> &Standardiser {
        &self.standardiser
    }

    /// The curves from evidence to confidence.
    pub fn curves(&self) -> Curves {
        self.curves
    }

    /// The same generator with other curves from evidence to confidence.
    #[must_use]
    pub fn calibrated(mut self, curves: Curves) -> Self {
        self.curves = curves;
        self
    }

    /// The same generator with a judge, whose weights are by name.
    ///
    /// # Errors
    /// A missing tensor, or one of another shape, is named.
    pub fn judged(mut self, weights: HashMap<String, Tensor>) -> Result<Self, Error> {
        self.weights.extend(weights.into_iter().map(|(name, tensor)| (name, tensor.detach())));
        self.judge = load_judge(&self.config, &self.weights)?;
        Ok(self)
    }

    /// The networks.
    pub fn cvae(&self) -> &Cvae {
        &self.cvae
    }

    /// Standardises an encoder's output.
    ///
    /// # Errors
    /// [`Error::Condition`] where it is too short.
    pub fn standardised(&self, condition: &[f32]) -> Result<Vec<f32>, Error> {
        if condition.len() < self.config.condition {
            return Err(Error::Condition { found: condition.len(), expected: self.config.condition });
        }
        Ok(self.standardiser.apply(condition))
    }

    /// The adapter of a standardised condition: the prior's mean, or the `draw`-th sample of a seed.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn generate(&self, condition: &[f32], draw: Draw) -> Result<Adapter, Error> {
        let conditions = Conditions::new(&[condition], &self.config, self.shared.tensors()[0].device())?;
        let c = self.cvae.read(&conditions)?;
        let prior = self.cvae.prior(&c)?;
        let z = match draw {
            Draw::Mean => prior.mean,
            Draw::Sample { seed, index } => {
                let mut noise = Noise::stream(seed, &format!("z {index}"));
                prior.sample(&Tensor::from_vec(
                    noise.normals(self.config.latent),
                    (1, self.config.latent),
                    c.device(),
                )?)?
            }
        };
        let slots = self.cvae.decode(&c, &z)?;
        let flat: Vec<Tensor> = slots.iter().map(Tensor::flatten_all).collect::<candle_core::Result<_>>()?;
        Ok(Adapter::over(&self.shared, &Tensor::cat(&flat, 0)?, self.config.alpha)?)
    }

    /// The trust in the adapter of a standardised condition, by what came of trying it. With `settling` it is told of the
    /// adapter as it is served where the doubted are settled, and `applied` says whether this one is to be.
    ///
    /// # Errors
    /// [`Error::Condition`] where it has another width; those of the tensor library.
    pub fn confidence(&self, condition: &[f32], tried: Option<Trial>, settling: bool) -> Result<Confidence, Error> {
        let judged = self.judgement(condition)?;
        Ok(self.curves.confidence((condition, judged), tried, (&self.memory, settling)))
    }

    /// Whether the confidence depends on how far an adapter agrees.
    pub fn asks_agreement(&self) -> bool {
        self.curves.written.asks_agreement()
    }

    /// Whether it is known what its adapters are worth after being settled.
    pub fn settles(&self) -> bool {
        self.asks_agreement() && self.curves.served.is_some()
    }

    /// What speaks for the adapter of a standardised condition.
    ///
    /// # Errors
    /// As [`Self::confidence`].
    pub fn evidence(&self, condition: &[f32], tried: Option<Trial>) -> Result<Evidence, Error> {
        let judged = self.judgement(condition)?;
        Ok(Evidence::of(self.memory.nearest(condition, 1, |_| true).first(), &self.memory, (judged, tried)))
    }

    /// The nearest training task's similarity to a standardised condition; -1 where none is remembered.
    pub fn similarity(&self, condition: &[f32]) -> f64 {
        self.memory.nearest(condition, 1, |_| true).first().map_or(-1.0, |near| near.similarity)
    }

    /// What the judge says of what was read of a condition, as log-odds; 0 without one.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn judgement_of(&self, read: Vec<f32>) -> Result<f64, Error> {
        let device = self.shared.tensors()[0].device();
        self.judged_read(&Tensor::from_vec(read, (1, ()), device)?)
    }

    fn judgement(&self, condition: &[f32]) -> Result<f64, Error> {
        if self.judge.is_none() {
            return Ok(0.0);
        }
        let conditions = Conditions::new(&[condition], &self.config, self.shared.tensors()[0].device())?;
        self.judged_read(&self.cvae.read(&conditions)?)
    }

    fn judged_read(&self, read: &Tensor) -> Result<f64, Error> {
        let Some(judge) = &self.judge else { return Ok(0.0) };
        Ok(f64::from(judge.forward(read)?.flatten_all()?.to_vec1::<f32>()?[0]))
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Which z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// The prior's mean.
    Mean,
    /// One sample of the prior.
    Sample {
        /// The caller's seed.
        seed: u64,
        /// Which sample of it, from 0.
        index: usize,
    },
}

fn load_judge(config: &GeneratorConfig, weights: &HashMap<String, Tensor>) -> Result<Option<Judge>, Error> {
    if !weights.keys().any(|name| name.starts_with("judge.")) {
        return Ok(None);
    }
    let device = weights.values().next().map_or(Device::Cpu, |t| t.device().clone());
    Judge::new(config, &VarBuilder::from_tensors(weights.clone(), DType::F32, &device)).map(Some)
}

fn load_cvae(config: &GeneratorConfig, weights: &HashMap<String, Tensor>) -> Result<Cvae, Error> {
    let device = weights.values().next().map_or(Device::Cpu, |t| t.device().clone());
    Cvae::for_inference(config, &VarBuilder::from_tensors(weights.clone(), DType::F32, &device))
}
