//! What a model will take in memory, before it takes it.

use super::config::Config;
use super::weights::{CHUNK_NUMBERS, Loading, Quantization};
use candle_core::DType;

/// Bytes that a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Weights, as they are kept.
    pub weights: u64,
    /// What stands beside the weights while they are loaded.
    pub staging: u64,
    /// Blocks that the tensor library keeps once more, in the order that suits the processor, from the first product on.
    pub rearranged: u64,
    /// Keys and values of one token of a text.
    pub cache_per_token: u64,
}

/// Whether the library may keep a second copy of quantised blocks: it does for some kinds on x86, by the processor's features.
const REARRANGES: bool = cfg!(target_arch = "x86_64");

impl MemoryNeed {
    /// The need of a checkpoint.
    pub fn of(config: &Config, loading: &Loading) -> Self {
        let plain = loading.dtype.size_in_bytes() as u64;
        let shape = config.shape();
        let layer = shape.modules().iter().map(|module| shape.widths(*module));
        let matrices = layer.flat_map(|(input, output)| std::iter::repeat_n((output, input), config.layers()));
        let tables = if config.tied { 1 } else { 2 };
        let matrices = matrices.chain(std::iter::repeat_n((config.vocab_size, config.hidden_size), tables));
        let cache_per_token = Self::cache_per_token(config, loading.dtype);
        let mut need = Self { weights: 0, staging: 0, rearranged: 0, cache_per_token };
        for (rows, width) in matrices {
            let (rows, width) = (rows as u64, width as u64);
            let kept = match loading.quantization {
                Some(quantization) => quantization.bytes(rows, width),
                None => rows * width * plain,
            };
            need.weights = need.weights.saturating_add(kept);
            if loading.quantization.is_some_and(Quantization::may_be_rearranged) && REARRANGES {
                need.rearranged = need.rearranged.saturating_add(kept);
            }
            // Matrices come a few rows at a time: stored bytes, numbers, f32. Quantised blocks are put together and taken over.
            let chunk = (rows * width).min(CHUNK_NUMBERS as u64) * 12;
            let staging = if loading.quantization.is_some() { kept + chunk } else { chunk };
            need.staging = need.staging.max(staging);
        }
        need.weights = need.weights.saturating_add(config.vector_parameters() * 4);
        need
    }

    /// The need of a GGUF file, whose tensors are kept as they are stored, `stored` bytes in all.
    pub fn of_stored(config: &Config, stored: u64) -> Self {
        let largest = config.vocab_size.max(config.intermediate_size) * config.hidden_size;
        let cache_per_token = Self::cache_per_token(config, DType::F32);
        let rearranged = if REARRANGES { stored } else { 0 };
        Self { weights: stored, staging: 2 * largest as u64, rearranged, cache_per_token }
    }

    /// Bytes of the keys and values of one token.
    pub fn cache_per_token(config: &Config, dtype: DType) -> u64 {
        config.kv_numbers_per_token() * dtype.size_in_bytes() as u64
    }

    /// The sum with one text of `tokens` tokens.
    pub fn total(&self, tokens: u64) -> u64 {
        self.weights
            .saturating_add(self.staging.max(self.rearranged))
            .saturating_add(self.cache_per_token.saturating_mul(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::Quantization;
    use crate::lm::config::smollm2_135m;

    #[test]
    fn a_known_model_takes_what_its_parameters_say() {
        // transformers: sum(p.numel() for p in LlamaForCausalLM(config).parameters()) == 134_515_008
        assert_eq!(smollm2_135m().parameters(), 134_515_008);
        assert_eq!(MemoryNeed::of(&smollm2_135m(), &Loading::f32()).weights, 4 * 134_515_008);
        let quantised = Loading { quantization: Some(Quantization::Q8_0), ..Loading::f32() };
        let share = MemoryNeed::of(&smollm2_135m(), &quantised).weights as f64 / (4.0 * 134_515_008.0);
        assert!((0.265..0.267).contains(&share), "{share}");
    }

    #[test]
    fn rows_that_blocks_of_256_do_not_fit_are_kept_in_8_bits() {
        // 576 is no multiple of 256, 1536 is: only down_proj gets 4 bits.
        let q4 = MemoryNeed::of(&smollm2_135m(), &Loading { quantization: Some(Quantization::Q4k), ..Loading::f32() });
        let q8 = MemoryNeed::of(&smollm2_135m(), &Loading { quantization: Some(Quantization::Q8_0), ..Loading::f32() });
        assert_eq!(q8.weights - q4.weights, 30 * 576 * (1536 / 32 * 34 - 1536 / 256 * 144));
    }
}
