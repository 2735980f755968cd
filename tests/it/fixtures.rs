//! Our decoder against transformers and peft, on the fixtures that they wrote (`tests/fixtures`).

use crate::support::ready;
use attune::lm::sampling::argmax;
use attune::lm::{
    CachedText, Checkpoint, CheckpointSource, FileConfig, KvMemory, Loading, Model, Packed, Piece, Products,
    RowAdapters, StepRow,
};
use attune::lora::{Adapter, read_peft, read_peft_directory, write_peft};
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const BASES: [&str; 2] = ["llama_tied", "llama_untied"];
/// The largest difference, relative to the largest logit.
const TOLERANCE: f32 = 1e-4;

struct Fixture {
    model: Model,
    reference: HashMap<String, Tensor>,
    dir: PathBuf,
}

impl Fixture {
    fn load(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let config: FileConfig =
            serde_json::from_slice(&std::fs::read(dir.join("config.json")).expect("fixture")).expect("config");
        let checkpoint = Checkpoint::open(&dir).expect("weights");
        let source = CheckpointSource { checkpoint: &checkpoint, loading: &Loading::f32() };
        let model = Model::load(&config.resolve().expect("a known family"), &source).expect("model");
        let reference = candle_core::safetensors::load(dir.join("reference.safetensors"), &Device::Cpu).expect("file");
        Self { model, reference, dir }
    }

    fn adapter(&self, name: &str) -> Adapter {
        let shape = self.model.config().shape();
        read_peft_directory(&self.dir.join("adapters").join(name), &shape, &Device::Cpu).expect("a PEFT directory")
    }

    fn tokens(&self) -> Vec<Vec<u32>> {
        let rows = self.reference["tokens"].to_vec2::<i64>().expect("int64");
        rows.into_iter().map(|row| row.into_iter().map(|t| t as u32).collect()).collect()
    }

    /// Logits at every token, `[B·T, V]`.
    fn packed_logits(&self, model: &Model, adapters: &RowAdapters) -> Tensor {
        let mut packed = Packed::new();
        for row in self.tokens() {
            packed.push_row(&[], &[Piece { tokens: row, score_from: 1 }]);
        }
        let hidden = model.packed_hidden(&packed, adapters).expect("forward");
        model.logits(&hidden).expect("logits")
    }

    fn expected(&self, name: &str) -> Tensor {
        self.reference[name].flatten(0, 1).expect("[B, T, V]")
    }
}

fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f32, what: &str) {
    let largest =
        |t: &Tensor| t.abs().and_then(|t| t.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("a float tensor");
    let relative = largest(&(found - expected).expect("same shapes")) / largest(expected);
    assert!(relative < tolerance, "{what}: off by {relative:e} of the largest value");
}

fn row_adapters<'a>(adapter: Option<&'a Adapter>, scale: f64) -> RowAdapters {
    let rows: Vec<Option<(&'a Adapter, f64)>> = vec![adapter.map(|a| (a, scale)); 2];
    RowAdapters::of_rows(&rows, DType::F32).expect("adapters")
}

#[test]
fn logits_of_base_and_adapters_agree_with_transformers_and_peft() {
    for base in BASES {
        let fixture = Fixture::load(base);
        for (name, adapter) in [("logits_base", None), ("logits_qv", Some("qv")), ("logits_all", Some("all"))] {
            let adapter = adapter.map(|name| fixture.adapter(name));
            let found = fixture.packed_logits(&fixture.model, &row_adapters(adapter.as_ref(), 1.0));
            assert_close(&found, &fixture.expected(name), TOLERANCE, &format!("{base} {name}"));
        }
    }
}

#[test]
fn a_mixed_batch_equals_each_row_alone() {
    for base in BASES {
        let fixture = Fixture::load(base);
        let (qv, all) = (fixture.adapter("qv"), fixture.adapter("all"));
        let adapters = RowAdapters::of_rows(&[Some((&qv, 1.0)), Some((&all, 1.0))], DType::F32).expect("adapters");
        let found = fixture.packed_logits(&fixture.model, &adapters);
        let tokens = fixture.tokens()[0].len();
        for (row, name) in ["logits_qv", "logits_all"].into_iter().enumerate() {
            let part = found.narrow(0, row * tokens, tokens).expect("row");
            let expected = fixture.expected(name).narrow(0, row * tokens, tokens).expect("row");
            assert_close(&part, &expected, TOLERANCE, &format!("{base} row {row}"));
        }
        let some = RowAdapters::of_rows(&[None, Some((&all, 1.0))], DType::F32).expect("adapters");
        let found = fixture.packed_logits(&fixture.model, &some).narrow(0, 0, tokens).expect("row");
        let expected = fixture.expected("logits_base").narrow(0, 0, tokens).expect("row");
        assert_close(&found, &expected, TOLERANCE, "a row without an adapter beside one with");
    }
}

#[test]
fn merged_equals_unmerged_at_another_scale_and_leaves_the_base_as_it_was() {
    for base in BASES {
        let mut fixture = Fixture::load(base);
        let all = fixture.adapter("all");
        let ready = ready(&all);
        let unmerged = fixture.packed_logits(&fixture.model, &row_adapters(Some(&all), 0.7));
        let bytes = |model: &mut Model| {
            let slots = all.layout().slots().iter();
            slots
                .map(|s| {
                    model
                        .weight(s.layer, s.module)
                        .expect("a slot")
                        .flatten_all()
                        .expect("flat")
                        .to_vec1::<f32>()
                        .expect("f32")
                })
                .collect::<Vec<_>>()
        };
        let before = bytes(&mut fixture.model);
        for _ in 0..1000 {
            drop(fixture.model.merged(&ready, 0.7).expect("merge"));
        }
        let merged = fixture.model.merged(&ready, 0.7).expect("merge");
        assert_close(&fixture.packed_logits(&merged, &RowAdapters::none()), &unmerged, TOLERANCE, base);
        assert_eq!(bytes(&mut fixture.model), before, "the base changed");
    }
}

#[test]
fn cached_decoding_gives_the_tokens_of_transformers_and_the_logits_of_the_packed_path() {
    for base in BASES {
        let fixture = Fixture::load(base);
        let expected: Vec<u32> =
            fixture.reference["greedy"].to_vec1::<i64>().expect("int64").into_iter().map(|t| t as u32).collect();
        let prompt = fixture.tokens()[0][..8].to_vec();
        let mut text = CachedText::new(&fixture.model, prompt.len() + expected.len(), None).expect("memory");
        let mut next = prompt;
        let mut found = Vec::new();
        while found.len() < expected.len() {
            found.push(argmax(&text.read(&next, Products::WrittenOut).expect("step")));
            next = vec![found[found.len() - 1]];
        }
        // The fixture's script made sure that no step is a near-tie.
        assert_eq!(found, expected, "{base}");
    }
}

#[test]
fn rows_of_different_lengths_share_a_memory_without_seeing_each_other() {
    let fixture = Fixture::load("llama_tied");
    let all = ready(&fixture.adapter("all"));
    let tokens = fixture.tokens();
    let mut memory = KvMemory::new(fixture.model.config(), 4, DType::F32, &Device::Cpu).expect("memory");
    // Row 0 is read in chunks of 5 and 19 tokens, row 1 in chunks of 20 and 4; their blocks lie crosswise.
    let mut hidden = None;
    for ranges in [[0..5, 0..20], [5..24, 20..24]] {
        let row = |row: usize, blocks: &'static [u32], adapter| StepRow {
            tokens: &tokens[row][ranges[row].clone()],
            start: ranges[row].start,
            horizon: 24,
            blocks,
            adapter,
            products: Products::WrittenOut,
            wanted: true,
        };
        let rows = [row(0, &[3, 0], None), row(1, &[1, 2], Some((&all, 1.0)))];
        hidden = Some(fixture.model.step(&rows, &mut memory).expect("step"));
    }
    let logits = fixture.model.step_logits(&hidden.expect("two chunks")).expect("logits");
    let found = Tensor::from_vec(logits.clone(), (2, logits.len() / 2), &Device::Cpu).expect("rows");
    let last = |name: &str, row: usize| fixture.reference[name].get(row).and_then(|t| t.get(23)).expect("last token");
    let expected = Tensor::stack(&[last("logits_base", 0), last("logits_all", 1)], 0).expect("rows");
    assert_close(&found, &expected, TOLERANCE, "chunked prefill");
}

#[test]
fn a_peft_directory_survives_a_round_trip_exactly() {
    for (base, name) in BASES.into_iter().flat_map(|base| ["qv", "all"].map(|name| (base, name))) {
        let fixture = Fixture::load(base);
        let adapter = fixture.adapter(name);
        let files = write_peft(&adapter, base).expect("write");
        let again = read_peft(&files, &fixture.model.config().shape(), &Device::Cpu).expect("read");
        assert_eq!(again.layout(), adapter.layout());
        for slot in 0..adapter.layout().slots().len() {
            assert_eq!(again.scale(slot), adapter.scale(slot), "{base} {name} slot {slot}");
            for (a, b) in [(again.a(slot), adapter.a(slot)), (again.b(slot), adapter.b(slot))] {
                assert_eq!(a.to_vec2::<f32>().expect("f32"), b.to_vec2::<f32>().expect("f32"));
            }
        }
        assert_eq!(write_peft(&again, base).expect("write").weights, files.weights);
    }
}

#[test]
fn what_attune_cannot_apply_is_refused_by_name() {
    for (name, words) in [
        ("dora", "use_dora"),
        ("bias_all", "bias"),
        ("modules_to_save", "modules_to_save"),
        ("ia3", "peft_type"),
        ("missing_target", "lm_head_x"),
    ] {
        let fixture = Fixture::load(if name == "bias_all" { "llama_untied" } else { "llama_tied" });
        let dir = fixture.dir.parent().expect("fixtures").join("refused").join(name);
        let error = read_peft_directory(&dir, &fixture.model.config().shape(), &Device::Cpu).expect_err(name);
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
}

#[test]
fn damaged_adapter_files_are_refused_with_the_tensor_s_name() {
    let fixture = Fixture::load("llama_tied");
    let shape = fixture.model.config().shape();
    let files = write_peft(&fixture.adapter("qv"), "llama_tied").expect("write");
    let read = |files: &_| read_peft(files, &shape, &Device::Cpu).expect_err("damaged").to_string();

    let mut cut = files.clone();
    cut.weights.truncate(cut.weights.len() / 2);
    assert!(read(&cut).contains("adapter_model.safetensors"));

    let mut huge = files.clone();
    huge.weights[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    assert!(read(&huge).contains("adapter_model.safetensors"));

    let mut nan = files.clone();
    let end = nan.weights.len();
    nan.weights[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(read(&nan).contains("not finite"));

    let other = Fixture::load("llama_untied");
    let error = read_peft(&files, &other.model.config().shape(), &Device::Cpu).expect_err("another base");
    assert!(error.to_string().contains("another base"), "{error}");

    let mut config: serde_json::Value = serde_json::from_slice(&files.config).expect("json");
    config["r"] = 65.into();
    let rank = attune::lora::PeftFiles { config: config.to_string().into_bytes(), weights: files.weights.clone() };
    assert!(read(&rank).contains("rank 65"));
}

#[test]
fn a_base_directory_with_a_missing_file_says_which() {
    let dir = tempfile::tempdir().expect("a folder");
    let error = Checkpoint::open(dir.path()).map(|_| ()).expect_err("empty");
    assert!(error.to_string().contains("model.safetensors"), "{error}");
}

/// What `.ci/peft.sh` gives to peft: each adapter as attune writes it, and attune's logits with it.
#[test]
fn exported_adapters_and_their_logits_are_written_for_peft_to_check() {
    for (base, name) in BASES.into_iter().flat_map(|base| ["qv", "all"].map(|name| (base, name))) {
        let fixture = Fixture::load(base);
        let adapter = fixture.adapter(name);
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peft").join(base).join(name);
        std::fs::create_dir_all(out.join("adapter")).expect("a folder");
        let files = write_peft(&adapter, base).expect("write");
        std::fs::write(out.join("adapter/adapter_config.json"), files.config).expect("write");
        std::fs::write(out.join("adapter/adapter_model.safetensors"), files.weights).expect("write");
        let tokens = &fixture.reference["tokens"];
        let (rows, length) = tokens.dims2().expect("[B, T]");
        let logits = fixture.packed_logits(&fixture.model, &row_adapters(Some(&adapter), 1.0));
        let logits = logits.reshape((rows, length, ())).expect("[B, T, V]");
        let tensors = HashMap::from([("tokens", tokens.clone()), ("logits", logits)]);
        candle_core::safetensors::save(&tensors, out.join("logits.safetensors")).expect("write");
    }
}
