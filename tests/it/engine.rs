//! The engine's promises: what a text gets does not depend on its company, on what was cached, or on merging.

use crate::support::family_model_in;
use attune::engine::{
    Applied, AppliedAdapter, Engine, EngineModel, EngineOptions, Error, Event, Lease, Merge, Request, Residency, Usage,
};
use attune::lm::sampling::Sampling;
use attune::lm::{
    Checkpoint, CheckpointSource, Loading, Model, Quantization, StepAdapter, Tokenizer, byte_level_tokenizer_json,
};
use attune::lora::{Adapter, Module, SharedA, read_peft_directory};
use candle_core::{DType, Device, Tensor};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families/qwen2")
}

/// The base in f32, in bf16 and in 8 bits.
fn models() -> Vec<(&'static str, Model)> {
    let plain = family_model_in(&dir(), "config.json", DType::F32);
    let checkpoint = Checkpoint::open(&dir()).expect("weights");
    let loading = Loading { quantization: Some(Quantization::Q8_0), ..Loading::f32() };
    let source = CheckpointSource { checkpoint: &checkpoint, loading: &loading };
    let quantised = Model::load(plain.config(), &source).expect("a model");
    vec![("f32", plain), ("bf16", family_model_in(&dir(), "config.json", DType::BF16)), ("q8_0", quantised)]
}

fn engine(model: &Model, options: EngineOptions) -> Engine {
    let tokenizer = Tokenizer::from_bytes(byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string().as_bytes());
    let tokenizer = tokenizer.expect("our own");
    let on = EngineModel { model: model.clone(), tokenizer, ends: vec![257], key: "test".into() };
    Engine::start(on, options).expect("a thread")
}

/// Three generated adapters of one A0, one of other ranks, and imported ones on q, v and on everything.
fn adapters(model: &Model) -> Vec<Adapter> {
    let shape = model.config().shape();
    let over = |shared: &SharedA, seed: u64| {
        let values: Vec<f32> =
            attune::noise::Noise::seeded(seed).normals(shared.layout().b_len()).into_iter().map(|x| 0.3 * x).collect();
        let b = Tensor::from_vec(values, shared.layout().b_len(), &Device::Cpu).expect("a vector");
        Adapter::over(shared, &b, 8.0).expect("an adapter")
    };
    let shared = SharedA::random(shape.layout(&[Module::QProj, Module::VProj, Module::DownProj], 4), 1, &Device::Cpu);
    let shared = shared.expect("fits");
    let other = SharedA::random(shape.layout(&[Module::OProj, Module::UpProj], 7), 2, &Device::Cpu).expect("fits");
    let mut all = vec![over(&shared, 1), over(&shared, 2), over(&shared, 3), over(&other, 4)];
    all.push(read_peft_directory(&dir().join("adapters/all"), &shape, &Device::Cpu).expect("a PEFT directory"));
    all
}

async fn leased(model: &Model) -> Vec<Lease<StepAdapter>> {
    let residency = Residency::new(u64::MAX);
    let mut leases = Vec::new();
    for (index, adapter) in adapters(model).iter().enumerate() {
        let ready = StepAdapter::new(adapter, model.dtype(), model.device()).expect("an adapter");
        let bytes = ready.bytes();
        let lease = residency.lease(&index.to_string(), async move { Ok::<_, String>((ready, bytes)) }).await;
        leases.push(lease.expect("room"));
    }
    leases
}

fn request(seed: usize, prompt: usize) -> Request {
    Request {
        prompt: (0..prompt).map(|i| ((i * 31 + seed * 17) % 250) as u32).collect(),
        adapter: None,
        merge: Merge::Never,
        max_tokens: 12,
        sampling: Sampling::default(),
        seed: 0,
        stop: Vec::new(),
        logprobs: Some(2),
        guide: None,
        ignore_end: true,
        cache_prompt: false,
        owner: "tenant".into(),
        deadline: None,
    }
}

fn with(request: Request, id: usize, adapter: &Lease<StepAdapter>, scale: f64) -> Request {
    Request {
        adapter: Some(AppliedAdapter {
            id: id.to_string(),
            called: id.to_string().into(),
            adapter: adapter.clone(),
            scale,
        }),
        ..request
    }
}

/// What an answer was: its tokens with the bits of their log-probabilities, and how it was made.
#[derive(Debug, PartialEq)]
struct Answer {
    tokens: Vec<(u32, u32)>,
    applied: Applied,
    usage: Usage,
}

async fn answer(mut events: UnboundedReceiver<Event>) -> Result<Answer, Error> {
    let mut tokens = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Text { token, .. } => {
                tokens.extend(token.map(|token| (token.chosen.id, token.chosen.logprob.to_bits())));
            }
            Event::Done { usage, applied, .. } => return Ok(Answer { tokens, applied, usage }),
            Event::Failed(error) => return Err(error),
        }
    }
    panic!("the engine went away")
}

async fn ask(engine: &Engine, request: Request) -> Answer {
    answer(engine.submit(request).expect("room")).await.expect("an answer")
}

/// Eight requests: five adapters, one of them at another scale, and two without; prompts of 1 to 40 tokens.
fn eight(leases: &[Lease<StepAdapter>]) -> Vec<Request> {
    let mut all: Vec<Request> =
        leases.iter().enumerate().map(|(i, lease)| with(request(i, [1, 40, 9, 17, 33][i]), i, lease, 1.0)).collect();
    all.push(with(request(5, 20), 1, &leases[1], 0.5));
    all.extend([request(6, 5), request(7, 36)]);
    all
}

#[tokio::test]
async fn a_mixed_batch_of_eight_gives_each_text_exactly_what_it_gets_alone() {
    for (name, model) in models() {
        let leases = leased(&model).await;
        let alone = engine(&model, EngineOptions { threads: 1, ..EngineOptions::default() });
        let mut expected = Vec::new();
        for request in eight(&leases) {
            expected.push(ask(&alone, request).await);
        }
        // However the prompts are cut, and however many threads there are.
        for (step_tokens, threads) in [(128, 1), (13, 2)] {
            let together = engine(&model, EngineOptions { step_tokens, threads, ..EngineOptions::default() });
            let running: Vec<_> =
                eight(&leases).into_iter().map(|request| together.submit(request).expect("room")).collect();
            for (index, (events, expected)) in running.into_iter().zip(&expected).enumerate() {
                let found = answer(events).await.expect("an answer");
                assert_eq!(found, *expected, "{name}, text {index}, {step_tokens} tokens a step");
            }
        }
    }
}

#[tokio::test]
async fn what_is_cached_of_one_prompt_changes_nothing_for_the_next() {
    for (name, model) in models() {
        let leases = leased(&model).await;
        let cached = |request: Request| Request { cache_prompt: true, ..request };
        let warm = engine(&model, EngineOptions::default());
        let cold = engine(&model, EngineOptions::default());
        let prompt = |adapter: usize| cached(with(request(1, 40), adapter, &leases[adapter], 1.0));
        // Adapter 0, then adapter 1 on the same prompt, then adapter 1 once more, now from the cache.
        ask(&warm, prompt(0)).await;
        let expected = ask(&cold, prompt(1)).await;
        let first = ask(&warm, prompt(1)).await;
        assert_eq!(first, expected, "{name}");
        assert_eq!(first.usage.cached_tokens, 0, "another adapter's keys and values are another thing");
        let again = ask(&warm, prompt(1)).await;
        assert_eq!(again.usage.cached_tokens, 32, "{name}");
        assert_eq!(again.tokens, expected.tokens, "{name}");
        // Other scale, other owner, cache declined.
        for other in [
            Request { owner: "another".into(), ..prompt(1) },
            cached(with(request(1, 40), 1, &leases[1], 0.5)),
            Request { cache_prompt: false, ..prompt(1) },
        ] {
            assert_eq!(ask(&warm, other).await.usage.cached_tokens, 0, "{name}");
        }
    }
}

#[tokio::test]
async fn a_thousand_merges_and_unmerges_leave_the_base_as_it_was() {
    let (_, mut model) = models().swap_remove(0);
    let leases = leased(&model).await;
    let bytes = |model: &mut Model| {
        let weight = model.weight(1, Module::DownProj).expect("a slot").flatten_all().expect("flat");
        weight.to_vec1::<f32>().expect("f32").into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let before = bytes(&mut model);
    let engine = engine(&model, EngineOptions::default());
    let short = |request: Request| Request { max_tokens: 1, merge: Merge::Always, ..request };
    let bare = ask(&engine, request(1, 20)).await;
    let unmerged = ask(&engine, with(request(1, 20), 4, &leases[4], 1.0)).await;
    for round in 0..500 {
        for adapter in [0, 4] {
            let found = ask(&engine, short(with(request(round, 4), adapter, &leases[adapter], 1.0))).await;
            assert_eq!(found.applied, Applied::Merged);
        }
    }
    assert_eq!(ask(&engine, request(1, 20)).await, bare);
    assert_eq!(ask(&engine, with(request(1, 20), 4, &leases[4], 1.0)).await, unmerged);
    assert!(bytes(&mut model) == before, "the base changed");
}

#[tokio::test]
async fn merged_answers_are_the_unmerged_ones_up_to_rounding() {
    let (_, model) = models().swap_remove(0);
    let leases = leased(&model).await;
    let engine = engine(&model, EngineOptions::default());
    for (id, lease) in leases.iter().enumerate() {
        let ask_with = |merge| ask(&engine, Request { merge, ..with(request(id, 20), id, lease, 0.7) });
        let (merged, unmerged) = (ask_with(Merge::Always).await, ask_with(Merge::Never).await);
        assert_eq!((merged.applied, unmerged.applied), (Applied::Merged, Applied::Unmerged));
        for (merged, unmerged) in merged.tokens.iter().zip(&unmerged.tokens) {
            let off = (f32::from_bits(merged.1) - f32::from_bits(unmerged.1)).abs();
            assert!(merged.0 == unmerged.0 && off < 1e-3, "adapter {id}: off by {off}");
        }
    }
}

#[tokio::test]
async fn an_adapter_that_has_the_engine_to_itself_is_merged_and_makes_way_for_others() {
    let (_, model) = models().swap_remove(0);
    let leases = leased(&model).await;
    let engine = engine(&model, EngineOptions::default());
    while engine.status().break_even.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Some(tokens) = engine.status().break_even.and_then(|measured| measured.tokens) else { return };
    let auto = |id: usize| Request { merge: Merge::Auto, ..with(request(id, 20), id, &leases[id], 1.0) };
    assert_eq!(ask(&engine, auto(4)).await.applied, Applied::Unmerged);
    for _ in 0..tokens / 30 + 2 {
        ask(&engine, auto(4)).await;
    }
    assert_eq!(ask(&engine, auto(4)).await.applied, Applied::Merged, "after {tokens} tokens");
    assert_eq!(ask(&engine, auto(1)).await.applied, Applied::Unmerged);
    assert_eq!(ask(&engine, auto(4)).await.applied, Applied::Unmerged, "the count begins anew");
}

#[tokio::test]
async fn quantised_weights_are_never_merged_and_say_so() {
    let (_, model) = models().swap_remove(2);
    let leases = leased(&model).await;
    let engine = engine(&model, EngineOptions::default());
    let error = engine.submit(Request { merge: Merge::Always, ..with(request(0, 4), 0, &leases[0], 1.0) });
    assert!(matches!(error, Err(Error::Unmergeable { reason }) if reason.contains("quantised")));
    let auto = Request { merge: Merge::Auto, ..with(request(0, 4), 0, &leases[0], 1.0) };
    assert_eq!(ask(&engine, auto).await.applied, Applied::Unmerged);
}

#[tokio::test]
async fn an_overlay_over_its_budget_is_refused_to_those_who_insist() {
    let (_, model) = models().swap_remove(0);
    let leases = leased(&model).await;
    let engine = engine(&model, EngineOptions { merge_bytes: 1000, ..EngineOptions::default() });
    let insists = Request { merge: Merge::Always, ..with(request(0, 4), 4, &leases[4], 1.0) };
    let error = answer(engine.submit(insists).expect("room")).await.expect_err("too large");
    assert!(matches!(&error, Error::Unmergeable { reason } if reason.contains("--merge-mib")), "{error}");
}

#[tokio::test]
async fn merging_takes_the_bytes_of_the_weights_that_change_whatever_the_rank() {
    let (_, mut model) = models().swap_remove(0);
    for adapter in adapters(&model) {
        let slots = adapter.layout().slots().to_vec();
        let bytes: u64 = slots.iter().map(|slot| 4 * (slot.input * slot.output) as u64).sum();
        let ready = StepAdapter::new(&adapter, DType::F32, &Device::Cpu).expect("an adapter");
        assert_eq!(model.merged_bytes(&ready), bytes);
        assert!(bytes <= model.weight_bytes(), "any adapter fits the default budget");
        assert!(model.weight(slots[0].layer, slots[0].module).is_ok());
    }
}

#[tokio::test]
async fn keys_that_were_turned_for_another_horizon_are_not_used() {
    // Long-rope chooses its frequencies by how long a text may become.
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families/phi3_longrope");
    let model = family_model_in(&dir, "config.json", DType::F32);
    let warm = engine(&model, EngineOptions::default());
    let ask_for = |max_tokens| Request { max_tokens, cache_prompt: true, ..request(1, 24) };
    ask(&warm, ask_for(4)).await;
    let long = ask(&warm, ask_for(40)).await;
    assert_eq!(long.usage.cached_tokens, 0);
    let cold = engine(&model, EngineOptions::default());
    assert_eq!(long, ask(&cold, ask_for(40)).await);
    assert_eq!(ask(&warm, ask_for(40)).await.usage.cached_tokens, 16);
}

#[tokio::test]
async fn who_hangs_up_or_runs_out_of_time_frees_the_row_and_the_memory() {
    let (_, model) = models().swap_remove(0);
    let engine = engine(&model, EngineOptions::default());
    let long = || Request { max_tokens: 20, ..request(0, 8) };
    for _ in 0..50 {
        drop(engine.submit(long()).expect("room"));
    }
    let late = Request { deadline: Some(Instant::now()), ..long() };
    assert_eq!(answer(engine.submit(late).expect("room")).await, Err(Error::Expired));
    ask(&engine, long()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let status = engine.status();
    assert_eq!((status.queued, status.running, status.memory.used), (0, 0, 0));
}

#[tokio::test]
async fn what_can_never_fit_is_refused_at_once_and_a_full_queue_says_so() {
    let (_, model) = models().swap_remove(0);
    let bytes = model.cache_bytes_per_token() * 32;
    let small = engine(&model, EngineOptions { kv_bytes: bytes, queue: 2, max_rows: 1, ..EngineOptions::default() });
    assert!(matches!(small.submit(request(0, 30)), Err(Error::KvCapacity { tokens: 42, capacity: 32 })));
    let mut open = Vec::new();
    let refused = loop {
        match small.submit(request(0, 8)) {
            Ok(events) => open.push(events),
            Err(error) => break error,
        }
        assert!(open.len() < 1000, "the queue never fills");
    };
    assert_eq!(refused, Error::QueueFull { limit: 2 });
    for events in open {
        answer(events).await.expect("what was taken is answered");
    }
}
