//! The rotary embedding's configuration, in both spellings.

use super::family::Family;
use super::file::FileConfig;
use crate::lm::Error;
use serde_json::Value;

/// One rotary embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// RoPE's base.
    pub theta: f64,
    /// How many of a head's coordinates it turns, even; the first ones.
    pub width: usize,
    /// How frequencies are scaled.
    pub scaling: RopeScaling,
}

/// How RoPE's frequencies are scaled.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every frequency divided by the factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Texts beyond the trained context get a larger base (NTK-aware).
    Dynamic {
        /// The factor.
        factor: f64,
        /// The trained context.
        context: usize,
    },
    /// Llama 3's smooth scaling of the low frequencies.
    Llama3 {
        /// The factor of the lowest frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are scaled fully.
        low_freq_factor: f64,
        /// Wavelengths below `original / high` are not scaled.
        high_freq_factor: f64,
        /// The context that the model was first trained on.
        original_context: usize,
    },
    /// YaRN (Peng et al. 2023).
    Yarn {
        /// The factor of the lowest frequencies.
        factor: f64,
        /// The factor of cosines and sines.
        attention_factor: f64,
        /// More turns than this: not scaled.
        beta_fast: f64,
        /// Fewer turns than this: scaled fully.
        beta_slow: f64,
        /// Whether the range between is widened to whole coordinates.
        truncate: bool,
        /// The context that the model was first trained on.
        original_context: usize,
    },
    /// A divisor for each frequency, one list for short texts and one for long ones (Ding et al. 2024).
    LongRope {
        /// Divisors of texts within the original context.
        short: Vec<f64>,
        /// Divisors of longer ones.
        long: Vec<f64>,
        /// The factor of cosines and sines.
        attention_factor: f64,
        /// The context that the model was first trained on.
        original_context: usize,
    },
}

impl RopeScaling {
    /// How far it stretches the context beyond what the file says.
    pub(super) fn stretch(&self) -> f64 {
        match self {
            Self::Dynamic { factor, .. } => factor.max(1.0),
            _ => 1.0,
        }
    }
}

/// The layers' rotary embeddings: one, or for Gemma 3 that of full layers and that of windowed ones.
pub(super) fn rope_configs(file: &FileConfig, family: Family, head_dim: usize) -> Result<Vec<RopeConfig>, Error> {
    let table = file.rope_parameters.as_ref().or(file.rope_scaling.as_ref()).filter(|table| table.is_object());
    if family != Family::Gemma3 {
        return Ok(vec![Table { file, family, table, head_dim, theta: file.rope_theta }.read()?]);
    }
    let by_layer = |kind: &str| table.and_then(|t| t.get(kind)).filter(|t| t.is_object());
    let full = match by_layer("full_attention") {
        Some(table) => Table { file, family, table: Some(table), head_dim, theta: None },
        None => Table { file, family, table, head_dim, theta: file.rope_theta.or(Some(1e6)) },
    };
    let local = Some(file.rope_local_base_freq.unwrap_or(10_000.0));
    let windowed = Table { file, family, table: by_layer("sliding_attention"), head_dim, theta: local };
    Ok(vec![full.read()?, windowed.read()?])
}

/// One rotary embedding's keys, and the file around them.
struct Table<'a> {
    file: &'a FileConfig,
    family: Family,
    table: Option<&'a Value>,
    head_dim: usize,
    theta: Option<f64>,
}

impl Table<'_> {
    fn read(&self) -> Result<RopeConfig, Error> {
        let theta = self.number("rope_theta").or(self.theta).unwrap_or(10_000.0);
        if !(theta > 0.0 && theta.is_finite()) {
            return Err(Error::Config { field: "rope_theta", problem: "is not above 0" });
        }
        let share = self.number("partial_rotary_factor").or(self.file.partial_rotary_factor).unwrap_or(1.0);
        let width = (self.head_dim as f64 * share) as usize;
        if width == 0 || width > self.head_dim || !width.is_multiple_of(2) {
            return Err(Error::Config {
                field: "partial_rotary_factor",
                problem: "does not give an even number of turned coordinates",
            });
        }
        Ok(RopeConfig { theta, width, scaling: self.scaling(width)? })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.table?.get(key)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    fn positive(&self, field: &'static str) -> Result<f64, Error> {
        let found = self.number(field).filter(|n| *n > 0.0 && n.is_finite());
        found.ok_or(Error::Config { field, problem: "is missing, or not above 0" })
    }

    fn original_context(&self) -> Result<usize, Error> {
        let field = "original_max_position_embeddings";
        // llama3 and yarn keep it in the table, Phi-3 beside it, where it wins; old files have only the context.
        let (inside, beside) = (self.number(field).map(|n| n as usize), self.file.original_max_position_embeddings);
        let found = if self.family == Family::Phi3 { beside.or(inside) } else { inside.or(beside) };
        let found = found.or(self.file.max_position_embeddings);
        found.filter(|n| *n > 0).ok_or(Error::Config { field, problem: "is missing, or not above 0" })
    }

    /// How much longer the context is than the original one.
    fn ratio(&self) -> Result<f64, Error> {
        let context = self.file.max_position_embeddings.unwrap_or(2048);
        Ok(context as f64 / self.original_context()? as f64)
    }

    fn scaling(&self, width: usize) -> Result<RopeScaling, Error> {
        let kind = self.get("rope_type").or_else(|| self.get("type")).and_then(Value::as_str).unwrap_or("default");
        // Phi-3's first files call longrope by other names.
        let divided = self.family == Family::Phi3 && self.get("short_factor").is_some();
        let kind = if divided && matches!(kind, "su" | "yarn") { "longrope" } else { kind };
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: self.positive("factor")? }),
            "dynamic" => Ok(RopeScaling::Dynamic {
                factor: self.positive("factor")?,
                context: self.file.max_position_embeddings.unwrap_or(2048),
            }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: self.positive("factor")?,
                low_freq_factor: self.positive("low_freq_factor")?,
                high_freq_factor: self.positive("high_freq_factor")?,
                original_context: self.original_context()?,
            }),
            "yarn" => self.yarn(),
            "longrope" => self.long_rope(width / 2),
            other => Err(Error::Unsupported {
                what: "rope_type",
                value: format!("{other} (known: default, linear, dynamic, llama3, yarn, longrope)"),
            }),
        }
    }

    fn yarn(&self) -> Result<RopeScaling, Error> {
        let factor = match self.get("factor") {
            Some(_) => self.positive("factor")?,
            None => self.ratio()?,
        };
        let grown = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
        let scale = |key| self.number(key).filter(|n| *n != 0.0);
        let inferred = match (scale("mscale"), scale("mscale_all_dim")) {
            (Some(scale), Some(all)) => grown(scale) / grown(all),
            _ => grown(1.0),
        };
        Ok(RopeScaling::Yarn {
            factor,
            attention_factor: self.number("attention_factor").unwrap_or(inferred),
            beta_fast: scale("beta_fast").unwrap_or(32.0),
            beta_slow: scale("beta_slow").unwrap_or(1.0),
            truncate: self.get("truncate").and_then(Value::as_bool).unwrap_or(true),
            original_context: self.original_context()?,
        })
    }

    fn long_rope(&self, count: usize) -> Result<RopeScaling, Error> {
        let divisors = |field: &'static str| -> Result<Vec<f64>, Error> {
            let list = self.get(field).and_then(Value::as_array);
            let list: Option<Vec<f64>> = list.and_then(|items| items.iter().map(Value::as_f64).collect());
            let list = list.filter(|list| list.len() == count && list.iter().all(|n| *n > 0.0));
            list.ok_or(Error::Config { field, problem: "is not a list of one number above 0 for each frequency" })
        };
        let original_context = self.original_context()?;
        let factor = self.number("factor").map_or_else(|| self.ratio(), Ok)?;
        let inferred = if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / (original_context as f64).ln()).sqrt() };
        Ok(RopeScaling::LongRope {
            short: divisors("short_factor")?,
            long: divisors("long_factor")?,
            attention_factor: self.number("attention_factor").unwrap_or(inferred),
            original_context,
        })
    }
}
