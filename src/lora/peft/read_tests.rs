use super::*;
use crate::lora::{Module, Projections, write_peft};
use serde_json::{Value, json};

const BASE: BaseShape =
    BaseShape { layers: 2, hidden: 4, intermediate: 6, query: 4, kv: 2, projections: Projections::Separate };

/// An adapter of q and v in every layer.
fn files() -> PeftFiles {
    let layout = BASE.layout(&[Module::QProj, Module::VProj], 2);
    let ones = |rows, columns| Tensor::ones((rows, columns), DType::F32, &Device::Cpu).unwrap();
    let a = layout.slots().iter().map(|slot| ones(slot.rank, slot.input)).collect();
    let b = layout.slots().iter().map(|slot| ones(slot.output, slot.rank)).collect();
    let factors = vec![(4.0, 2.0); layout.slots().len()];
    write_peft(&Adapter::from_slots(layout, a, b, factors), "a/base").unwrap()
}

fn with_config(change: impl FnOnce(&mut Value)) -> PeftFiles {
    let mut files = files();
    let mut config = serde_json::from_slice(&files.config).unwrap();
    change(&mut config);
    files.config = config.to_string().into_bytes();
    files
}

/// The files with one tensor more.
fn with_tensor(name: &str) -> PeftFiles {
    let files = files();
    let tensors = SafeTensors::deserialize(&files.weights).unwrap();
    let extra = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let all = tensors.tensors().into_iter().chain([(name.to_owned(), extra)]);
    PeftFiles { weights: safetensors::serialize(all, None).unwrap(), config: files.config.clone() }
}

fn refusal(files: &PeftFiles) -> String {
    read_peft(files, &BASE, &Device::Cpu).unwrap_err().to_string()
}

#[test]
fn an_adapter_keeps_the_name_of_its_base() {
    assert_eq!(read_peft(&files(), &BASE, &Device::Cpu).unwrap().base_name(), Some("a/base"));
}

#[test]
fn tensors_outside_the_listed_layers_are_refused() {
    let error = refusal(&with_config(|config| config["layers_to_transform"] = json!([1])));
    assert!(error.contains("layers.0.") && error.contains("layers_to_transform"), "{error}");
    assert!(
        read_peft(&with_config(|config| config["layers_to_transform"] = json!([0, 1])), &BASE, &Device::Cpu).is_ok()
    );
}

#[test]
fn a_pattern_changes_rank_and_alpha_of_what_it_hits() {
    let read = |files| read_peft(files, &BASE, &Device::Cpu).unwrap();
    let adapter = read(&with_config(|config| config["alpha_pattern"] = json!({ r"layers\.1\..*": 16, "v_proj": 8 })));
    let scales: Vec<f64> = (0..4).map(|slot| adapter.scale(slot)).collect();
    assert_eq!(scales, [2.0, 4.0, 8.0, 8.0]);
    let error = refusal(&with_config(|config| config["rank_pattern"] = json!({ "v_proj": 1 })));
    assert!(error.contains("shape [2, 4]"), "{error}");
}

#[test]
fn what_does_not_fit_names_the_base_that_it_was_made_for() {
    let wider = BaseShape { hidden: 8, ..BASE };
    let error = read_peft(&files(), &wider, &Device::Cpu).unwrap_err().to_string();
    assert!(error.ends_with("made for a/base"), "{error}");
    let vision = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight";
    let error = refusal(&with_tensor(vision));
    assert!(error.contains("language_model") && error.contains("made for a/base"), "{error}");
}

#[test]
fn tensors_of_other_methods_are_named() {
    for (name, what) in [
        ("base_model.model.model.embed_tokens.lora_embedding_A", "embedding"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", "DoRA"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", "bias"),
    ] {
        let error = refusal(&with_tensor(name));
        assert!(error.contains(what) && error.contains(name), "{error}");
    }
}

#[test]
fn a_directory_with_a_pickle_alone_says_how_to_convert_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("adapter_config.json"), files().config).unwrap();
    std::fs::write(dir.path().join("adapter_model.bin"), b"\x80\x02").unwrap();
    let error = PeftFiles::from_directory(dir.path()).unwrap_err().to_string();
    assert!(error.contains("safe_serialization"), "{error}");
}
