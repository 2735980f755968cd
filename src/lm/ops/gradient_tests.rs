//! Every gradient against central finite differences, and every fused forward against plain operations.

use super::*;
use crate::lm::config::{Activation, RopeConfig, RopeScaling};
use crate::lm::kernels::PackedQ8;
use crate::lm::rope::Rope;
use crate::lm::weights::Weight;
use crate::noise::Noise;
use candle_core::{DType, Device, Result, Tensor, Var};
use std::sync::Arc;

fn random(noise: &mut Noise, shape: &[usize]) -> Var {
    let values = noise.normals(shape.iter().product());
    Var::from_vec(values, shape, &Device::Cpu).expect("a shape that fits")
}

/// Checks d loss / d var for every coordinate of every variable.
fn check(vars: &[&Var], loss: impl Fn() -> Result<Tensor>) {
    let grads = loss().expect("forward").backward().expect("backward");
    for (index, var) in vars.iter().enumerate() {
        let grad = grads.get(var).unwrap_or_else(|| panic!("variable {index} has no gradient"));
        let grad: Vec<f32> = grad.flatten_all().expect("flat").to_vec1().expect("f32");
        let old: Vec<f32> = var.flatten_all().expect("flat").to_vec1().expect("f32");
        for i in 0..old.len() {
            let at = |delta: f32| {
                let mut moved = old.clone();
                moved[i] += delta;
                var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).expect("shape")).expect("set");
                f64::from(loss().expect("forward").to_scalar::<f32>().expect("scalar"))
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            let difference = (slope - f64::from(grad[i])).abs();
            assert!(
                difference < 4e-3 * (1.0 + slope.abs()),
                "variable {index}, coordinate {i}: {slope} vs {}",
                grad[i]
            );
        }
        var.set(&Tensor::from_vec(old, var.shape(), &Device::Cpu).expect("shape")).expect("set");
    }
}

/// A scalar that weighs every output differently.
fn weigh(y: &Tensor) -> Result<Tensor> {
    let weights: Vec<f32> = (0..y.elem_count()).map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0).collect();
    (y.flatten_all()? * Tensor::from_vec(weights, y.elem_count(), y.device())?)?.sum_all()
}

fn close(a: &Tensor, b: &Tensor, tolerance: f32) {
    let difference = (a - b).and_then(|d| d.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("same shapes");
    assert!(difference < tolerance, "{difference}");
}

#[test]
fn rms_norm() {
    let mut noise = Noise::seeded(1);
    let (x, w) = (random(&mut noise, &[3, 6]), random(&mut noise, &[6]));
    check(&[&x, &w], || weigh(&super::rms_norm(&x, &w, 1e-5)?));
}

#[test]
fn gated() {
    let mut noise = Noise::seeded(2);
    let (g, u) = (random(&mut noise, &[2, 5]), random(&mut noise, &[2, 5]));
    for activation in [Activation::Silu, Activation::GeluTanh] {
        check(&[&g, &u], || weigh(&super::gated(&g, &u, activation)?));
    }
    let plain = (g.gelu().expect("forward") * u.as_tensor()).expect("forward");
    close(&super::gated(&g, &u, Activation::GeluTanh).expect("forward"), &plain, 1e-5);
}

#[test]
fn linear() {
    let mut noise = Noise::seeded(3);
    let (x, w) = (random(&mut noise, &[2, 3, 4]), random(&mut noise, &[5, 4]));
    check(&[&x, &w], || weigh(&super::linear(&x, &w)?));
}

#[test]
fn lora_linear_is_the_sum_of_its_products_and_differentiates() {
    let mut noise = Noise::seeded(4);
    let (x, b) = (random(&mut noise, &[2, 3, 4]), random(&mut noise, &[2, 5, 2]));
    let (w, a) = (random(&mut noise, &[5, 4]).detach(), random(&mut noise, &[2, 4]).detach());
    check(&[&x, &b], || weigh(&super::lora_linear(&x, &w, &a, &b)?));
    let plain = (|| {
        let base = x.reshape((6, 4))?.matmul(&w.t()?)?.reshape((2, 3, 5))?;
        let down = x.reshape((6, 4))?.matmul(&a.t()?)?.reshape((2, 3, 2))?;
        base + down.matmul(&b.transpose(1, 2)?)?
    })();
    close(&super::lora_linear(&x, &w, &a, &b).expect("forward"), &plain.expect("forward"), 1e-5);
}

#[test]
fn frozen_weights_get_no_gradient() {
    let mut noise = Noise::seeded(5);
    let (x, w) = (random(&mut noise, &[2, 4]), random(&mut noise, &[5, 4]).detach());
    let grads = weigh(&super::linear(&x, &w).expect("forward")).expect("scalar").backward().expect("backward");
    assert!(grads.get(&w).is_none() && grads.get(&x).is_some());
}

#[test]
fn cross_entropy() {
    let mut noise = Noise::seeded(6);
    let logits = random(&mut noise, &[3, 7]);
    check(&[&logits], || super::cross_entropy(&logits, &[1, 6, 0], &[0.5, 0.2, 0.3]));
}

#[test]
fn the_output_layer_and_its_cross_entropy_in_one() {
    let mut noise = Noise::seeded(11);
    let hidden = random(&mut noise, &[3, 4]);
    let weight = Weight::Dense(random(&mut noise, &[7, 4]).detach());
    let (targets, weights) = ([1, 6, 0], [0.5, 0.2, 0.3]);
    for softcap in [None, Some(2.0)] {
        let head = Head { weight: &weight, softcap, targets: &targets, weights: &weights, teacher: None };
        check(&[&hidden], || super::head_cross_entropy(&hidden, head));
        let logits = softcapped(weight.product(&hidden).expect("product"), softcap).expect("cap");
        let apart = super::cross_entropy(&logits, &targets, &weights).expect("loss");
        close(&super::head_cross_entropy(&hidden, head).expect("loss"), &apart, 1e-5);
    }
}

fn map(segments: &[&[i32]]) -> AttentionMap {
    let rope = Rope::new(RopeConfig { theta: 1e4, width: 4, scaling: RopeScaling::None }).table(256);
    let tokens = segments[0].len();
    let positions = segments.iter().flat_map(|_| 0..tokens as u32).collect();
    let ropes = Arc::new(vec![rope; segments.len()]);
    AttentionMap { ropes, positions: Arc::new(positions), segments: Arc::new(segments.concat()), tokens }
}

fn kind(query: usize, kv: usize) -> AttentionKind {
    AttentionKind { heads: Heads { query, kv, width: 4 }, scale: 0.5, softcap: None, window: None }
}

#[test]
fn attention_with_grouped_heads_prefix_pieces_and_padding() {
    let mut noise = Noise::seeded(7);
    let map = map(&[&[0, 0, 1, 1, 2, 2], &[1, 1, 1, 2, -1, -1]]);
    let q = random(&mut noise, &[2, 6, 8]);
    let (k, v) = (random(&mut noise, &[2, 6, 4]), random(&mut noise, &[2, 6, 4]));
    check(&[&q, &k, &v], || weigh(&super::attention(&q, &k, &v, kind(2, 1), &map)?));
    let bent = AttentionKind { softcap: Some(1.5), window: Some(2), ..kind(2, 1) };
    check(&[&q, &k, &v], || weigh(&super::attention(&q, &k, &v, bent, &map)?));
}

#[test]
fn fused_attention_agrees_with_plain_operations_over_more_than_one_block() {
    let mut noise = Noise::seeded(8);
    let segments: Vec<i32> = (0..150).map(|t| [0, 1, 2][t / 50]).collect();
    let map = map(&[&segments]);
    let [q, k, v] = [(); 3].map(|()| random(&mut noise, &[1, 150, 8]));
    for kind in [kind(2, 2), AttentionKind { softcap: Some(2.0), window: Some(70), ..kind(2, 2) }] {
        let fused = super::attention(&q, &k, &v, kind, &map).expect("fused");
        let plain = super::attention::composed(&q, &k, &v, kind, &map).expect("plain");
        close(&fused, &plain, 1e-5);
        let gradient = |y: &Tensor| weigh(y).expect("scalar").backward().expect("backward");
        let (fused, plain) = (gradient(&fused), gradient(&plain));
        for var in [&q, &k, &v] {
            close(fused.get(var).expect("gradient"), plain.get(var).expect("gradient"), 1e-4);
        }
    }
}

#[test]
fn other_precisions_take_the_plain_path() {
    let mut noise = Noise::seeded(9);
    let x = random(&mut noise, &[2, 4]).to_dtype(DType::BF16).expect("cast");
    let w = random(&mut noise, &[4]).to_dtype(DType::BF16).expect("cast");
    assert_eq!(super::rms_norm(&x, &w, 1e-5).expect("forward").dtype(), DType::BF16);
}

#[test]
fn a_product_with_quantised_weights_differentiates_its_input() {
    let mut noise = Noise::seeded(10);
    let w = random(&mut noise, &[5, 32]).detach();
    let blocks =
        candle_core::quantized::QTensor::quantize(&w, candle_core::quantized::GgmlDType::Q8_0).expect("blocks");
    let packed = PackedQ8::from_q8_0(&blocks.data().expect("bytes"), 5, 32).expect("whole blocks");
    let packed = super::Blocks::Packed(std::sync::Arc::new(packed));
    let quantised = super::Blocks::Ggml(std::sync::Arc::new(blocks));
    let (x, many) = (random(&mut noise, &[2, 32]), random(&mut noise, &[1, 8, 32]));
    let dense = quantised.to_dense().expect("numbers");
    let gradient = |y: &Tensor| weigh(y).expect("scalar").backward().expect("backward").remove(&x).expect("gradient");
    let found = super::quantised_linear(&x, &quantised).expect("forward");
    let expected = super::linear(&x, &dense).expect("forward");
    // The input is quantised for the product, too.
    close(&found, &expected, 0.2);
    close(&gradient(&found), &gradient(&expected), 1e-4);
    // Many tokens at once are multiplied with the weights as plain numbers.
    let found = super::quantised_linear(&many, &quantised).expect("forward");
    close(&found, &super::linear(&many, &dense).expect("forward"), 1e-5);
    check(&[&many], || weigh(&super::quantised_linear(&many, &quantised)?));
    // Our own order of the same blocks.
    assert_eq!(packed.to_dense().expect("numbers").to_vec2::<f32>().ok(), dense.to_vec2::<f32>().ok());
    check(&[&x], || weigh(&super::quantised_linear(&x, &packed)?));
}
