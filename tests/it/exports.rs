//! What attune writes for others: merged checkpoints, and LoRA as GGUF.

use crate::support::{Reference, assert_close, family_model, packed_logits};
use attune::lm::{Checkpoint, FileConfig, Merged, Merging, RowAdapters};
use attune::lora::{Adapter, read_peft_directory, write_gguf};
use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The largest difference from peft's logits, relative to the largest.
const TOLERANCE: f32 = 1e-4;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn config(dir: &Path) -> attune::lm::Config {
    let bytes = std::fs::read(dir.join("config.json")).expect("fixture");
    serde_json::from_slice::<FileConfig>(&bytes).expect("json").resolve().expect("a known family")
}

fn adapter(dir: &Path, name: &str) -> Adapter {
    read_peft_directory(&dir.join("adapters").join(name), &config(dir).shape(), &Device::Cpu).expect("an adapter")
}

/// The base with its numbers in f32, in which merging rounds nothing away.
fn in_f32(dir: &Path) -> Checkpoint {
    let base = Checkpoint::open(dir).expect("a base");
    let tensors = base.names().map(|name| {
        let shape = &base.info(name).expect("listed").shape;
        (name.to_owned(), base.tensor(name, shape, DType::F32).expect("f32"))
    });
    Checkpoint::from_bytes(safetensors::serialize(tensors, None).expect("bytes")).expect("a base")
}

fn merge(dir: &Path, checkpoint: &Checkpoint, max_shard_bytes: u64, out: &Path) -> Merged {
    let companions = ["config.json", "generation_config.json"]
        .map(|name| (name.to_owned(), std::fs::read(dir.join(name)).expect("fixture")));
    let adapter = adapter(dir, "all");
    let merging = Merging { checkpoint, adapter: &adapter, scale: 1.0, max_shard_bytes, companions: &companions };
    merging.write(out, &|_, _| ()).expect("merged")
}

fn fresh(name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("merged").join(name);
    let _ = std::fs::remove_dir_all(&out);
    out
}

/// Tied, sharded, biased and fused bases; `.ci/peft.sh` does the same with transformers.
#[test]
fn a_merged_checkpoint_gives_the_logits_of_peft_with_the_adapter() {
    for base in ["llama_tied", "llama_untied", "families/qwen2", "families/gemma2", "families/phi3"] {
        let dir = fixtures().join(base);
        let out = fresh(dir.file_name().expect("a name").to_str().expect("UTF-8"));
        let merged = merge(&dir, &in_f32(&dir), 5_000_000_000, &out);
        assert_eq!((merged.shards, merged.changed), (1, adapter(&dir, "all").layout().slots().len()), "{base}");
        let reference = Reference::load(&dir.join("reference.safetensors"));
        let length = reference.logits("logits_all").dim(0).expect("[T, V]") / reference.rows("tokens");
        let tokens = &reference.tokens("tokens")[..length];
        let found = packed_logits(&family_model(&out, "config.json"), tokens, &RowAdapters::none());
        let expected = reference.logits("logits_all").narrow(0, 0, length).expect("the first row");
        assert_close(&found, &expected, TOLERANCE, base);
    }
}

#[test]
fn shards_hold_the_same_numbers_and_each_its_share_of_bytes() {
    let dir = fixtures().join("llama_untied");
    let (whole, parts) = (fresh("whole"), fresh("parts"));
    let base = Checkpoint::open(&dir).expect("a base");
    merge(&dir, &base, u64::MAX, &whole);
    let merged = merge(&dir, &base, 20_000, &parts);
    assert!(merged.shards > 2, "{merged:?}");
    let [whole, read] = [&whole, &parts].map(|dir| Checkpoint::open(dir).expect("merged"));
    assert_eq!(whole.names().collect::<Vec<_>>(), read.names().collect::<Vec<_>>());
    for name in whole.names() {
        assert_eq!(whole.read(name).expect("whole"), read.read(name).expect("parts"), "{name}");
    }
    let index = std::fs::read(parts.join("model.safetensors.index.json")).expect("an index");
    let index: serde_json::Value = serde_json::from_slice(&index).expect("json");
    assert_eq!(index["metadata"]["total_size"], merged.bytes);
}

#[test]
fn half_precision_weights_are_rounded_once() {
    let dir = fixtures().join("families/qwen2");
    let checkpoint = Checkpoint::open(&dir).expect("a base");
    assert_eq!(checkpoint.main_dtype(), Some(DType::BF16));
    let adapter = adapter(&dir, "all");
    let out = fresh("halves");
    let merging =
        Merging { checkpoint: &checkpoint, adapter: &adapter, scale: 0.5, max_shard_bytes: u64::MAX, companions: &[] };
    merging.write(&out, &|_, _| ()).expect("merged");
    let slot = &adapter.layout().slots()[0];
    let (name, shape) = (format!("{}.weight", slot.path()), [slot.output, slot.input]);
    let update = (adapter.b(0).matmul(adapter.a(0)).expect("B A") * (0.5 * adapter.scale(0))).expect("scaled");
    let expected = (checkpoint.tensor(&name, &shape, DType::F32).expect("W") + update).expect("sum");
    let expected = expected.to_dtype(DType::BF16).and_then(|w| w.to_dtype(DType::F32)).expect("rounded");
    let found = Checkpoint::open(&out).expect("merged").tensor(&name, &shape, DType::F32).expect("W");
    assert_eq!(found.to_vec2::<f32>().expect("f32"), expected.to_vec2::<f32>().expect("f32"));
}

#[test]
fn a_directory_that_holds_something_is_left_as_it_is() {
    let dir = fixtures().join("llama_tied");
    let out = tempfile::tempdir().expect("a folder");
    std::fs::write(out.path().join("mine"), b"x").expect("write");
    let (checkpoint, adapter) = (Checkpoint::open(&dir).expect("a base"), adapter(&dir, "qv"));
    let merging =
        Merging { checkpoint: &checkpoint, adapter: &adapter, scale: 1.0, max_shard_bytes: 1, companions: &[] };
    let error = merging.write(out.path(), &|_, _| ()).expect_err("not empty").to_string();
    assert!(error.contains("not empty"), "{error}");
    assert_eq!(std::fs::read_dir(out.path()).expect("a folder").count(), 1);
    // Another base's adapter leaves nothing behind either.
    let other = fixtures().join("llama_untied");
    let merging = Merging { checkpoint: &Checkpoint::open(&other).expect("a base"), ..merging };
    assert!(merging.write(&out.path().join("new"), &|_, _| ()).is_err());
    assert_eq!(std::fs::read_dir(out.path()).expect("a folder").count(), 1);
}

/// Expected: the files of llama.cpp's own converter. `.ci/gguf.sh` loads what is written here in llama.cpp.
#[test]
fn a_lora_as_gguf_has_the_tensors_of_llama_cpp_s_converter() {
    for (name, base) in [("llama", "mistral"), ("qwen2", "qwen2"), ("phi3", "phi3")] {
        let dir = fixtures().join("families").join(base);
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gguf");
        std::fs::create_dir_all(&out).expect("a folder");
        let path = out.join(format!("lora_{name}.gguf"));
        let mut file = File::create(&path).expect("a file");
        write_gguf(&adapter(&dir, "all"), &config(&dir).gguf_lora_base(), name, &mut file).expect("written");
        let open = |path: &Path| {
            let mut file = File::open(path).expect("a file");
            (Content::read(&mut file).expect("GGUF"), file)
        };
        let (ours, mut our_file) = open(&path);
        let (theirs, mut their_file) = open(&fixtures().join(format!("gguf/lora_{name}.gguf")));
        for key in ["general.architecture", "general.type", "adapter.type", "adapter.lora.alpha"] {
            assert_eq!(format!("{:?}", ours.metadata[key]), format!("{:?}", theirs.metadata[key]), "{name}: {key}");
        }
        assert_eq!(ours.tensor_infos.len(), theirs.tensor_infos.len(), "{name}");
        for tensor in theirs.tensor_infos.keys() {
            let read = |content: &Content, file: &mut File| {
                let tensor = content.tensor(file, tensor, &Device::Cpu).expect("a tensor");
                tensor.dequantize(&Device::Cpu).and_then(|t| t.to_vec2::<f32>()).expect("f32")
            };
            assert_eq!(read(&ours, &mut our_file), read(&theirs, &mut their_file), "{name}: {tensor}");
        }
    }
}
