use super::*;
use crate::lm::ops::AttentionKind;
use crate::noise::Noise;

/// Two texts of 20 and 3 tokens whose blocks lie crosswise, the first with 37 tokens before.
fn step<'a>(heads: Heads) -> (Step<'a>, LayerMemory) {
    let device = Device::Cpu;
    let rows = vec![
        RowPlace { tokens: 0..20, start: 37, blocks: vec![5, 0, 3, 1] },
        RowPlace { tokens: 20..23, start: 0, blocks: vec![2] },
    ];
    let slots =
        rows.iter().flat_map(|row| (row.start..row.start + row.tokens.len()).map(|p| row.slot(p) as u32)).collect();
    let turn = Turn::new(vec![0.8; 23 * heads.width / 2], vec![0.6; 23 * heads.width / 2], heads.width / 2, &device);
    let step =
        Step { runs: Vec::new(), written_out: 0, rows, turns: vec![turn.expect("a turn")], slots, wanted: Vec::new() };
    let mut noise = Noise::seeded(1);
    let mut memory = || {
        let shape = (6 * heads.kv * KvMemory::BLOCK_TOKENS, heads.width);
        Tensor::from_vec(noise.normals(shape.0 * shape.1), shape, &device).expect("memory")
    };
    (step, LayerMemory { keys: memory(), values: memory() })
}

#[test]
fn the_fused_attention_is_the_composed_one() {
    for (query, kv, width) in [(6, 2, 8), (4, 4, 12), (9, 3, 64)] {
        let heads = Heads { query, kv, width };
        for (softcap, window) in [(None, None), (Some(2.0), Some(7)), (None, Some(33))] {
            let kind = AttentionKind { heads, scale: 0.4, softcap, window };
            let (step, memory) = step(heads);
            let mut noise = Noise::seeded(2);
            let mut new = |heads: usize| {
                Tensor::from_vec(noise.normals(23 * heads * width), (1, 23, heads * width), &Device::Cpu).expect("new")
            };
            let (q, k, v) = (new(query), new(kv), new(kv));
            let attention = StepAttention { step: &step, memory: &memory, rope: 0 };
            let fused = attention.attend([&q, &k, &v], kind).expect("fused");
            let turned = step.turns[0].apply(&q, width).expect("turned");
            let composed = attention.composed(&turned, kind).expect("composed");
            let off =
                (fused - composed).and_then(|d| d.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("a number");
            assert!(off < 1e-5, "{heads:?} {softcap:?} {window:?}: off by {off}");
        }
    }
}

#[test]
fn keys_are_written_to_the_same_places_on_every_device() {
    let device = Device::Cpu;
    let (fused, composed) = (Tensor::zeros((6, 4), DType::F32, &device), Tensor::zeros((6, 4), DType::F32, &device));
    let (fused, composed) = (fused.expect("memory"), composed.expect("memory"));
    let new = Tensor::arange(0f32, 12.0, &device).and_then(|new| new.reshape((3, 4))).expect("rows");
    fused.inplace_op2(&new, &Scatter { rows: vec![4, 0, 5] }).expect("fused");
    scatter(&composed, &new, vec![4, 0, 5]).expect("composed");
    assert_eq!(fused.to_vec2::<f32>().expect("f32"), composed.to_vec2::<f32>().expect("f32"));
    assert_eq!(fused.to_vec2::<f32>().expect("f32")[4], [0.0, 1.0, 2.0, 3.0]);
}
