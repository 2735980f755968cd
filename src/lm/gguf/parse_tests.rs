use super::test_file::{Entry, TestFile, parse, texts};
use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Write};

fn small() -> TestFile {
    TestFile::new("llama")
        .with("llama.attention.head_count", 4)
        .with("llama.attention.head_count_kv", 2)
        .with("llama.rope.freq_base", 5e5f32)
        .with("tokenizer.ggml.add_bos_token", true)
        .with("tokenizer.ggml.tokens", texts(&["<unk>", "<s>", "</s>", "a"]))
        .with("tokenizer.ggml.scores", Entry::F32s(vec![0.0, -1.0, 1e-5, -1e30]))
        .with("tokenizer.chat_template", "{{ messages }}")
        .tensor("token_embd.weight", &[8, 4])
        .typed_tensor("blk.0.attn_q.weight", &[32, 8], (2, 8 * 18))
        .typed_tensor("blk.0.attn_k.weight", &[256, 4], (14, 4 * 210))
}

#[test]
fn a_file_gives_its_metadata_and_its_tensors_back() {
    for version in [2, 3] {
        let file = TestFile { version, ..small() }.parse().expect("a good file");
        let metadata = file.metadata();
        assert_eq!(metadata.text("general.architecture"), Some("llama"));
        assert_eq!(metadata.whole("llama.attention.head_count"), Some(4));
        assert_eq!(metadata.number("llama.rope.freq_base"), Some(500_000.0));
        assert_eq!(metadata.flag("tokenizer.ggml.add_bos_token"), Some(true));
        assert_eq!(metadata.texts("tokenizer.ggml.tokens").map(<[String]>::len), Some(4));
        assert_eq!(metadata.numbers("tokenizer.ggml.scores"), Some(vec![0.0, -1.0, 1e-5, -1e30]));
        assert_eq!(metadata.whole("general.architecture"), None);
        assert_eq!(file.chat_template(), Some("{{ messages }}"));

        let shapes: Vec<_> = file.tensors().iter().map(|t| (t.shape.as_slice(), t.kind, t.bytes)).collect();
        let expected: [(&[usize], _, _); 3] =
            [(&[4, 8], GgmlType::F32, 128), (&[8, 32], GgmlType::Q4_0, 144), (&[4, 256], GgmlType::Q6K, 840)];
        assert_eq!(shapes, expected);
        let begin = file.tensors()[0].offset;
        assert!(begin.is_multiple_of(32));
        assert_eq!(file.tensors()[1].offset, begin + 128);
        assert_eq!(file.tensors()[2].offset, begin + 128 + 160);
        assert_eq!(file.tensor("lm_head.weight"), None);
    }
}

#[test]
fn tensors_are_found_by_their_hugging_face_names_with_what_must_be_undone() {
    let file = small().parse().expect("a good file");
    let undo = |name: &str| file.tensor(name).map(|(_, transform)| transform);
    assert_eq!(undo("model.embed_tokens.weight"), Some(Transform::None));
    assert_eq!(undo("model.layers.0.self_attn.q_proj.weight"), Some(Transform::Permuted { heads: 4 }));
    assert_eq!(undo("model.layers.0.self_attn.k_proj.weight"), Some(Transform::Permuted { heads: 2 }));
    assert_eq!(undo("model.layers.0.self_attn.v_proj.weight"), None);
    let gemma = TestFile::new("gemma3").tensor("blk.0.attn_q_norm.weight", &[4]).tensor("output_norm.weight", &[8]);
    let gemma = gemma.tensor("token_embd.weight", &[8, 2]).parse().expect("a good file");
    let undo = |name: &str| gemma.tensor(name).map(|(_, transform)| transform);
    assert_eq!(undo("model.layers.0.self_attn.q_norm.weight"), Some(Transform::MinusOne));
    assert_eq!(undo("model.norm.weight"), Some(Transform::MinusOne));
    assert_eq!(undo("model.embed_tokens.weight"), Some(Transform::None));
}

#[test]
fn a_file_is_opened_by_its_path() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&small().bytes()).expect("room");
    let opened = GgufFile::open(file.path()).expect("a good file");
    assert_eq!(opened.path(), Some(file.path()));
    assert_eq!(opened.tensors().len(), 3);
    assert!(GgufFile::open(Path::new("/no/such/file")).is_err());
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = small().bytes();
    // The last tensor's padding is not needed.
    for length in 0..bytes.len() - 24 {
        assert!(parse(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    // A file that became shorter after its length was taken; the data behind the header is not read.
    let header = parse(&bytes).expect("a good file").tensors()[0].offset as usize - 31;
    for length in 0..header {
        assert!(GgufFile::parse(Cursor::new(&bytes[..length]), bytes.len() as u64).is_err());
    }
}

#[test]
fn other_files_versions_and_byte_orders_are_named() {
    assert!(parse(b"PK\x03\x04 and more").expect_err("no GGUF").to_string().contains("no GGUF file"));
    let version = |version| TestFile { version, ..small() }.refusal();
    assert!(version(1).contains("version 1 is not supported"));
    assert!(version(4).contains("version 4"));
    assert!(version(0).contains("version 0"));
    assert!(version(3u32.swap_bytes()).contains("big endian"));
}

#[test]
fn counts_that_the_file_cannot_hold_are_refused_before_room_is_made() {
    let huge = 1u64 << 60;
    let mut counts = small().bytes();
    counts[8..16].copy_from_slice(&huge.to_le_bytes());
    assert!(parse(&counts).expect_err("a lie").to_string().contains("cut off"));
    let mut counts = small().bytes();
    counts[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(parse(&counts).expect_err("a lie").to_string().contains("cut off"));
    let array =
        |code: u32, count: u64| Entry::Raw(9, [code.to_le_bytes().as_slice(), &count.to_le_bytes(), &[0; 64]].concat());
    for (code, count) in [(8, huge), (0, huge), (12, u64::MAX / 8 + 1), (8, 1 << 20), (4, 1 << 20)] {
        assert!(small().with("x", array(code, count)).refusal().contains("cut off"), "{code} {count}");
    }
    let text = |length: u64| Entry::Raw(8, length.to_le_bytes().to_vec());
    assert!(small().with("x", text(huge)).refusal().contains("cut off"));
}

#[test]
fn unknown_types_nested_arrays_and_double_names_are_refused() {
    assert!(small().with("x", Entry::Raw(13, vec![0; 8])).refusal().contains("metadata x has the unknown type 13"));
    let nested = [9u32.to_le_bytes().as_slice(), &1u64.to_le_bytes(), &[0; 64]].concat();
    assert!(small().with("x", Entry::Raw(9, nested)).refusal().contains("metadata x is an array of arrays"));
    let mut double = small();
    double.entries.push(("llama.rope.freq_base".to_owned(), Entry::U32(1)));
    assert!(double.refusal().contains("metadata llama.rope.freq_base comes twice"));
    assert!(small().tensor("token_embd.weight", &[8]).refusal().contains("tensor token_embd.weight comes twice"));
    let invalid = Entry::Raw(8, [2u64.to_le_bytes().as_slice(), &[0xFF, 0xFE]].concat());
    assert!(small().with("x", invalid).refusal().contains("not UTF-8"));
    assert!(small().tensor(&"n".repeat(65), &[8]).refusal().contains("the format allows 64"));
}

#[test]
fn alignments_that_are_no_power_of_two_are_refused() {
    for alignment in [0, 3, 48] {
        let refusal = small().with("general.alignment", alignment).refusal();
        assert!(refusal.contains("general.alignment is not a power of two"), "{alignment}: {refusal}");
    }
    assert!(small().with("general.alignment", "32").refusal().contains("general.alignment"));
    let wide = TestFile { alignment: 256, ..small().with("general.alignment", 256) };
    assert!(wide.parse().expect("a good file").tensors().iter().all(|tensor| tensor.offset.is_multiple_of(256)));
    // Beyond the file's end, and beyond what can be counted.
    assert!(small().with("general.alignment", 1 << 31).refusal().contains("reaches beyond"));
    let largest = Entry::Raw(10, (1u64 << 63).to_le_bytes().to_vec());
    assert!(small().with("general.alignment", largest).parse().is_err());
}

#[test]
fn tensors_outside_the_file_or_above_each_other_are_refused() {
    let moved = |offset| {
        let mut file = small();
        file.tensors[1].offset = Some(offset);
        file.refusal()
    };
    assert!(moved(96).contains("token_embd.weight and blk.0.attn_q.weight overlap"));
    assert!(moved(8).contains("multiple of the file's alignment"));
    assert!(moved(1 << 20).contains("blk.0.attn_q.weight reaches beyond the file's end"));
    assert!(moved(u64::MAX - 31).contains("reaches beyond"));
    let shape = |dimensions: &[u64]| small().typed_tensor("t", dimensions, (0, 4)).refusal();
    assert!(shape(&[1 << 40, 1 << 40]).contains("tensor t is larger than memory"));
    assert!(shape(&[1 << 62]).contains("larger than memory"));
    assert!(shape(&[1 << 30]).contains("reaches beyond"));
    assert!(shape(&[0, 4]).contains("empty dimension"));
    assert!(shape(&[]).contains("1 to 4 dimensions"));
    assert!(shape(&[1, 1, 1, 1, 1]).contains("1 to 4 dimensions"));
    assert!(small().typed_tensor("t", &[48], (2, 27)).refusal().contains("whole blocks"));
}

#[test]
fn types_that_cannot_be_held_are_named_with_their_tensor() {
    let refusal = |code| small().typed_tensor("t", &[256], (code, 256)).refusal();
    assert!(refusal(16).contains("tensor t has type IQ2_XXS"));
    assert!(refusal(39).contains("MXFP4"));
    assert!(refusal(4).contains("type 4, which is not supported (known: F32, F16"));
}

#[test]
fn every_type_knows_its_own_layout() {
    for (kind, name, block, bytes) in [
        (GgmlType::F32, "F32", 1, 4),
        (GgmlType::Bf16, "BF16", 1, 2),
        (GgmlType::Q4_0, "Q4_0", 32, 18),
        (GgmlType::Q8_1, "Q8_1", 32, 36),
        (GgmlType::Q2K, "Q2_K", 256, 84),
        (GgmlType::Q8K, "Q8_K", 256, 292),
    ] {
        assert_eq!((kind.name(), kind.block_size(), kind.block_bytes()), (name, block, bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_mutation_of_a_file_makes_reading_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = super::tokenizer::tests::whole_model().bytes();
        // Half of the edits go into the first bytes, where the counts are.
        for (number, (place, value)) in edits.into_iter().enumerate() {
            let place = place.index(if number % 2 == 0 { 4096.min(bytes.len()) } else { bytes.len() });
            bytes[place] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(file) = parse(&bytes) {
            let _ = (file.config(), file.tokenizer(), file.special(), file.chat_template());
            for tensor in file.tensors() {
                prop_assert!(tensor.offset + tensor.bytes as u64 <= bytes.len() as u64);
            }
            let _ = file.tensor("model.layers.0.self_attn.k_proj.weight");
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(tail in prop::collection::vec(any::<u8>(), 0..256)) {
        let bytes = [b"GGUF\x03\0\0\0".as_slice(), &tail].concat();
        let _ = parse(&bytes);
    }
}
