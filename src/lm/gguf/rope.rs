//! The rotary embedding's part of `config.json`.

use super::config::{Keys, Sizes, set};
use super::{Error, GgmlType, GgufFile};
use serde_json::{Map, Value, json};

const FREQUENCIES: &str = "rope_freqs.weight";
const SHORT: &str = "rope_factors_short.weight";
const LONG: &str = "rope_factors_long.weight";

/// RoPE's base, the share of a head that it turns, and its scaling.
pub(super) struct Rope {
    theta: f64,
    /// Absent where whole heads are turned.
    share: Option<f64>,
    scaling: Option<Value>,
}

impl Rope {
    pub(super) fn read(file: &GgufFile, keys: &Keys<'_>, sizes: &Sizes) -> Result<Self, Error> {
        let suffix = "rope.dimension_count";
        let turned = keys.size_or(suffix, sizes.head_dim)?;
        if turned == 0 || turned > sizes.head_dim || !turned.is_multiple_of(2) {
            return Err(keys.refuse(suffix, "is not an even number from 2 to the width of a head"));
        }
        Ok(Self {
            theta: keys.positive("rope.freq_base")?.unwrap_or(10_000.0),
            share: (turned < sizes.head_dim).then(|| share(turned, sizes.head_dim)),
            scaling: scaling(file, keys, &Turned { frequencies: turned / 2, context: sizes.context })?,
        })
    }

    pub(super) fn write(self, config: &mut Map<String, Value>) {
        set(config, "rope_theta", json!(self.theta));
        if let Some(share) = self.share {
            set(config, "partial_rotary_factor", json!(share));
        }
        set(config, "rope_scaling", self.scaling.unwrap_or(Value::Null));
    }
}

/// A share of which readers that round down get `turned` again.
pub(super) fn share(turned: usize, head_dim: usize) -> f64 {
    let share = turned as f64 / head_dim as f64;
    if (head_dim as f64 * share) as usize == turned { share } else { share.next_up() }
}

/// What a scaling needs to know of the embedding.
struct Turned {
    /// One for each two coordinates that are turned.
    frequencies: usize,
    /// The model's context, in tokens.
    context: usize,
}

fn scaling(file: &GgufFile, keys: &Keys<'_>, turned: &Turned) -> Result<Option<Value>, Error> {
    let in_tensors = scaling_in_tensors(file, keys, turned)?;
    let suffix = "rope.scaling.type";
    let named = file.metadata().text(&keys.key(suffix));
    if named.is_none() && file.metadata().contains(&keys.key(suffix)) {
        return Err(keys.refuse(suffix, "is no text"));
    }
    // Old files have another key. llama.cpp takes 0 for no factor, and a factor without a type for a linear one.
    let factor = keys.number("rope.scaling.factor")?.or(keys.number("rope.scale_linear")?).filter(|f| *f != 0.0);
    let scaled = match named.unwrap_or("linear") {
        "none" | "longrope" => None,
        "linear" => {
            factor.filter(|factor| *factor != 1.0).map(|factor| json!({"rope_type": "linear", "factor": factor}))
        }
        "yarn" => Some(yarn(keys, factor.unwrap_or(1.0), turned)?),
        other => {
            let known = "none, linear, yarn, longrope".to_owned();
            return Err(Error::Unsupported { what: "rope.scaling.type", value: other.to_owned(), known });
        }
    };
    if factor.is_some_and(|factor| factor < 0.0) {
        return Err(keys.refuse("rope.scaling.factor", "is below 0"));
    }
    match (in_tensors, scaled) {
        (Some(_), Some(_)) => Err(keys.refuse(suffix, "comes with divisors of the frequencies; only one is supported")),
        (None, None) if named == Some("longrope") => {
            Err(keys.refuse(suffix, "is longrope, but the file has no rope_factors_short.weight"))
        }
        (in_tensors, scaled) => Ok(in_tensors.or(scaled)),
    }
}

fn yarn(keys: &Keys<'_>, factor: f64, turned: &Turned) -> Result<Value, Error> {
    let mut table = Map::new();
    set(&mut table, "rope_type", json!("yarn"));
    set(&mut table, "factor", json!(factor));
    set(&mut table, "original_max_position_embeddings", json!(original_context(keys, turned)?));
    let attention = keys.positive("rope.scaling.yarn_attn_factor")?;
    for (key, value) in [
        ("attention_factor", attention.or(keys.positive("rope.scaling.attn_factor")?)),
        ("beta_fast", keys.positive("rope.scaling.yarn_beta_fast")?),
        ("beta_slow", keys.positive("rope.scaling.yarn_beta_slow")?),
    ] {
        if let Some(value) = value {
            set(&mut table, key, json!(value));
        }
    }
    Ok(Value::Object(table))
}

/// A scaling whose divisors are tensors of the file, for the caller to read.
fn scaling_in_tensors(file: &GgufFile, keys: &Keys<'_>, turned: &Turned) -> Result<Option<Value>, Error> {
    let has = |name| has_divisors(file, name, turned.frequencies);
    match (has(SHORT)?, has(LONG)?, has(FREQUENCIES)?) {
        (false, false, false) => Ok(None),
        (false, false, true) => Ok(Some(json!({"rope_type": "factors"}))),
        (true, true, false) => Ok(Some(json!({
            "rope_type": "longrope_tensors",
            "attn_factor": keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0),
            "original_max_position_embeddings": original_context(keys, turned)?,
        }))),
        _ => {
            let problem = "needs rope_factors_long.weight beside it, and no rope_freqs.weight";
            Err(Error::Tensor { tensor: SHORT.to_owned(), problem })
        }
    }
}

fn has_divisors(file: &GgufFile, name: &str, frequencies: usize) -> Result<bool, Error> {
    match file.tensor_as_stored(name) {
        None => Ok(false),
        Some(tensor) if tensor.shape == [frequencies] && tensor.kind == GgmlType::F32 => Ok(true),
        Some(_) => {
            Err(Error::Tensor { tensor: name.to_owned(), problem: "is not one F32 for each frequency of the RoPE" })
        }
    }
}

fn original_context(keys: &Keys<'_>, turned: &Turned) -> Result<usize, Error> {
    let suffix = "rope.scaling.original_context_length";
    match keys.size_or(suffix, turned.context)? {
        0 => Err(keys.refuse(suffix, "is 0")),
        original => Ok(original),
    }
}
