//! Bytes of strangers, as they are and as good files changed in places: every reader refuses or reads, and never panics.
//!
//! `PROPTEST_CASES=1000000 cargo test --test it parsers` goes on for hours; `fuzz/` does the same led by coverage. The other
//! readers have such tests beside them: GGUF, cursors, If-Match, lines of JSON.

use attune::lm::Checkpoint;
use attune::lm::chat::{ChatMessage, ChatTemplate, GenerationPrompt, Specials};
use attune::lora::{Adapter, BaseShape, Module, PeftFiles, Projections, SharedA, read_archive, read_peft, write_peft};
use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;
use std::io::{Cursor, Write};
use std::sync::OnceLock;

const BASE: BaseShape =
    BaseShape { layers: 2, hidden: 4, intermediate: 6, query: 4, kv: 2, projections: Projections::Separate };

/// What an archive may unpack to, in bytes.
const LIMIT: u64 = 1 << 16;

fn good() -> &'static PeftFiles {
    static GOOD: OnceLock<PeftFiles> = OnceLock::new();
    GOOD.get_or_init(|| {
        let layout = BASE.layout(&[Module::QProj, Module::DownProj], 2);
        let shared = SharedA::random(layout.clone(), 0, &Device::Cpu).expect("A0");
        let b = Tensor::ones(layout.b_len(), DType::F32, &Device::Cpu).expect("B");
        write_peft(&Adapter::over(&shared, &b, 4.0).expect("an adapter"), "base").expect("files")
    })
}

/// The good adapter as a tar, a gzipped tar and a zip.
fn archives() -> &'static [Vec<u8>; 3] {
    static ARCHIVES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    ARCHIVES.get_or_init(|| {
        let files = [("adapter_config.json", &good().config), ("adapter_model.safetensors", &good().weights)];
        let mut tar = tar::Builder::new(Vec::new());
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_slice()).expect("an entry");
            zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
            zip.write_all(content).expect("its content");
        }
        let tar = tar.into_inner().expect("a tar");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).expect("a tar");
        [tar, gzip.finish().expect("a gzip"), zip.finish().expect("a zip").into_inner()]
    })
}

/// Changes of a file: bytes that are set, half of them at its beginning, where counts and lengths are, and a cut.
#[derive(Clone, Debug)]
struct Damage {
    edits: Vec<(prop::sample::Index, u8)>,
    cut: Option<prop::sample::Index>,
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
        (edits, any::<Option<prop::sample::Index>>()).prop_map(|(edits, cut)| Self { edits, cut })
    }

    fn of(&self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for (number, (place, value)) in self.edits.iter().enumerate() {
            let place = place.index(if number % 2 == 0 { bytes.len().min(64) } else { bytes.len() });
            bytes[place] = *value;
        }
        if let Some(cut) = self.cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    }
}

fn read_weights(bytes: Vec<u8>) {
    let length = bytes.len();
    let Ok(checkpoint) = Checkpoint::from_bytes(bytes) else { return };
    for name in checkpoint.names() {
        let info = checkpoint.info(name).expect("a listed tensor");
        assert!(info.bytes <= length, "{name} is longer than the file");
        checkpoint.read(name).expect("the header was checked");
        let _ = checkpoint.tensor(name, &info.shape, DType::F32);
    }
}

fn read_adapter(files: &PeftFiles) {
    let Ok(adapter) = read_peft(files, &BASE, &Device::Cpu) else { return };
    let written = write_peft(&adapter, "base").expect("what was read can be written");
    read_peft(&written, &BASE, &Device::Cpu).expect("what was written can be read");
}

fn unpack(bytes: &[u8]) {
    if let Ok(files) = read_archive(bytes, LIMIT) {
        assert!((files.config.len() + files.weights.len()) as u64 <= LIMIT);
    }
}

/// Pieces of a template's language, in any order: most are no template, and those that are do strange things.
fn template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{% for message in messages %}",
        "{% endfor %}",
        "{{ message['content'] }}",
        "{{ message.role | upper }}",
        "{% if loop.index0 %}",
        "{% else %}",
        "{% endif %}",
        "{{ bos_token * 3 }}",
        "{{ messages[-1:] | tojson }}",
        "{{ raise_exception(messages) }}",
        "{{ strftime_now('%Y %Q %') }}",
        "{% set ns = namespace(a=[1] * 9) %}",
        "{% set ns.a = ns.a + ns.a %}",
        "{{ ns.a | length }}",
        "{% macro m(x) %}{{ m(x) }}{% endmacro %}",
        "{{ m(1) }}",
        "{{ 10 ** 400 // 0 % 3 }}",
        "{{ 'a'.split('')[99] }}",
        "{{ '%s' | format(1) }}",
        "{% generation %}",
        "{%- ",
        " -%}",
        "{{ range(99999999999) | list }}",
        "{{ messages | map(attribute='content') | join }}",
        "{#",
        "ü",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()), ".{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_weights_make_reading_panic(damage in Damage::any()) {
        read_weights(damage.of(&good().weights));
    }

    #[test]
    fn no_header_of_weights_makes_reading_panic(header in "[\\{\\}\\[\\]\":,0-9a-zA-Z_. -]{0,120}", data in 0..64_usize) {
        read_weights([&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat());
    }

    #[test]
    fn no_adapter_makes_reading_panic(config in Damage::any(), weights in Damage::any(), which in any::<bool>()) {
        let (config, weights) = match which {
            true => (config.of(&good().config), good().weights.clone()),
            false => (good().config.clone(), weights.of(&good().weights)),
        };
        read_adapter(&PeftFiles { config, weights });
    }

    #[test]
    fn no_value_of_a_configuration_makes_reading_panic(
        key in prop::sample::select(vec!["r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "layers_to_transform", "use_rslora"]),
        value in prop::sample::select(vec![
            "0", "-1", "1e308", "18446744073709551615", "null", "true", "\"\"", "\"(a+)+$\"", "\"(\"", "[]", "[\"q_proj\", \"q_proj\"]",
            "[-1]", "[99999999999]", "{}", "{\"q_proj\": 0}", "{\"(\": 3}", "{\".*\": 18446744073709551615}", "{\"a{99999}\": 1}",
        ]),
    ) {
        let mut config: serde_json::Value = serde_json::from_slice(&good().config).expect("JSON");
        config[key] = serde_json::from_str(value).unwrap_or(serde_json::Value::Null);
        read_adapter(&PeftFiles { config: config.to_string().into_bytes(), weights: good().weights.clone() });
    }

    #[test]
    fn no_archive_makes_unpacking_panic(which in 0..3_usize, damage in Damage::any()) {
        unpack(&damage.of(&archives()[which]));
    }

    #[test]
    fn no_bytes_make_unpacking_panic(
        magic in prop::sample::select(vec![&b""[..], b"\x1f\x8b\x08", b"PK\x03\x04", b"PK\x05\x06"]),
        tail in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        unpack(&[magic, &tail].concat());
    }

    #[test]
    fn no_chat_template_makes_rendering_panic(source in template(), content in ".{0,20}") {
        let specials = Specials { bos: Some("<s>".to_owned()), ..Specials::default() };
        if let Ok(template) = ChatTemplate::new(&source, specials) {
            let messages = [ChatMessage { role: "user".to_owned(), content }];
            let _ = template.render(&messages, GenerationPrompt::Add);
        }
    }
}

#[test]
fn the_good_files_are_good() {
    read_peft(good(), &BASE, &Device::Cpu).expect("an adapter");
    for archive in archives() {
        assert_eq!(read_archive(archive, LIMIT).expect("an archive").config, good().config);
    }
}
