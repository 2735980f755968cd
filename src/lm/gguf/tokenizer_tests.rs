use crate::lm::gguf::test_file::{Entry, TestFile, texts};
use serde_json::Value;
use tokenizers::Tokenizer;

/// The bytes' pieces, and what every SentencePiece vocabulary begins with.
fn pieces(more: &[(&str, f32, u32)]) -> TestFile {
    let mut tokens = vec![("<unk>".to_owned(), 0.0, 2), ("<s>".to_owned(), 0.0, 3), ("</s>".to_owned(), 0.0, 3)];
    tokens.extend((0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), 0.0, 6)));
    tokens.extend(more.iter().map(|(token, score, kind)| ((*token).to_owned(), *score, *kind)));
    TestFile::new("llama")
        .with("tokenizer.ggml.model", "llama")
        .with("tokenizer.ggml.tokens", Entry::Texts(tokens.iter().map(|(token, ..)| token.clone()).collect()))
        .with("tokenizer.ggml.scores", Entry::F32s(tokens.iter().map(|(_, score, _)| *score).collect()))
        .with("tokenizer.ggml.token_type", Entry::U32s(tokens.iter().map(|(.., kind)| *kind).collect()))
        .with("tokenizer.ggml.bos_token_id", 1)
        .with("tokenizer.ggml.eos_token_id", 2)
}

/// GPT-2's letters for the 256 bytes.
fn letters() -> Vec<String> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut moved = (0x100u32..).filter_map(char::from_u32);
    let mut letter = |byte: u8| if printable(&byte) { char::from(byte) } else { moved.next().expect("many") };
    (0..=255).map(|byte| letter(byte).to_string()).collect()
}

fn byte_level(pre: &str, more: &[(&str, u32)], merges: &[&str]) -> TestFile {
    let tokens: Vec<_> = letters().into_iter().chain(more.iter().map(|(token, _)| (*token).to_owned())).collect();
    let kinds = std::iter::repeat_n(1, 256).chain(more.iter().map(|(_, kind)| *kind)).collect();
    TestFile::new("qwen2")
        .with("tokenizer.ggml.model", "gpt2")
        .with("tokenizer.ggml.pre", pre)
        .with("tokenizer.ggml.tokens", Entry::Texts(tokens))
        .with("tokenizer.ggml.token_type", Entry::U32s(kinds))
        .with("tokenizer.ggml.merges", texts(merges))
}

/// A file with everything that is read, for mutations.
pub(in crate::lm::gguf) fn whole_model() -> TestFile {
    pieces(&[("a", -1.0, 1), ("b", -2.0, 1), ("ab", -3.0, 1), ("▁", -4.0, 1), ("▁ab", -5.0, 1)])
        .with("llama.embedding_length", 64)
        .with("llama.feed_forward_length", 128)
        .with("llama.block_count", 2)
        .with("llama.attention.head_count", 4)
        .with("llama.attention.head_count_kv", Entry::U32s(vec![2, 2]))
        .with("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .with("llama.context_length", 128)
        .with("llama.rope.scaling.type", "yarn")
        .with("llama.rope.scaling.factor", 2.0)
        .with("tokenizer.chat_template", "{{ messages }}")
        .typed_tensor("blk.0.attn_q.weight", &[64, 4], (8, 8 * 34))
        .tensor("blk.0.attn_k.weight", &[64, 2])
        .tensor("rope_freqs.weight", &[8])
}

fn json(file: &TestFile) -> Value {
    file.parse().expect("a good file").tokenizer().expect("a good tokenizer")
}

fn load(file: &TestFile) -> Tokenizer {
    Tokenizer::from_bytes(json(file).to_string()).expect("a tokenizer.json that loads")
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode_fast(text, false).expect("any text").get_ids().to_vec()
}

fn refusal(file: &TestFile) -> String {
    file.parse().expect("a good file").tokenizer().expect_err("a tokenizer that must be refused").to_string()
}

fn merges(file: &TestFile) -> Vec<String> {
    let json = json(file);
    let pairs = json["model"]["merges"].as_array().expect("a list").iter();
    pairs.map(|pair| format!("{} {}", pair[0].as_str().expect("text"), pair[1].as_str().expect("text"))).collect()
}

#[test]
fn merges_are_those_that_transformers_derives() {
    // transformers.convert_slow_tokenizer.generate_merges(vocab, vocab_scores)
    let more = [("a", -9.0, 1), ("b", -8.0, 1), ("abc", -2.0, 1), ("ab", -1.0, 1), ("c", -7.0, 1), ("bc", -3.0, 1)];
    let file = pieces(&more);
    assert_eq!(merges(&file), ["a b", "ab c", "a bc", "b c"]);
    // Letters of several bytes are split between letters.
    let file = pieces(&[("é", -1.0, 1), ("▁", -2.0, 1), ("▁é", -3.0, 1), ("▁éé", -4.0, 1), ("éé", -5.0, 1)]);
    assert_eq!(merges(&file), ["▁ é", "▁é é", "▁ éé", "é é"]);
    // Of pieces with the same score those with the longer sides come first.
    let file = pieces(&[("a", -1.0, 1), ("aa", -2.0, 1), ("aaa", -2.0, 1), ("ab", -2.0, 1), ("b", -2.0, 1)]);
    assert_eq!(merges(&file), ["aa a", "a aa", "a a", "a b"]);
    // The same score everywhere leaves the order of the ids.
    let file = pieces(&[("b", 0.0, 1), ("a", 0.0, 1), ("ab", 0.0, 1), ("aa", 0.0, 1)]);
    assert_eq!(merges(&file), ["a b", "a a"]);
}

#[test]
fn pieces_are_merged_by_score_and_bytes_stand_for_the_rest() {
    let more = [("▁", -1.0, 1), ("a", -2.0, 1), ("b", -3.0, 1), ("ab", -4.0, 1), ("▁a", -5.0, 1), ("<x>", 0.0, 4)];
    let first = 259;
    let tokenizer = load(&pieces(&more));
    assert_eq!(ids(&tokenizer, "ab a"), [first, first + 3, first + 4]);
    assert_eq!(ids(&tokenizer, "é"), [first, 3 + 0xC3, 3 + 0xA9]);
    assert_eq!(ids(&tokenizer, "a<x>a</s>"), [first + 4, first + 5, first + 4, 2]);
    assert_eq!(tokenizer.decode(&[first, first + 3, first + 4], true).expect("known tokens"), "ab a");
    assert_eq!(tokenizer.decode(&[first, 3 + 0xC3, 3 + 0xA9, 2], true).expect("known tokens"), "é");
    // Gemma's texts begin as they are.
    let tokenizer = load(&pieces(&more).with("tokenizer.ggml.add_space_prefix", false));
    assert_eq!(ids(&tokenizer, "ab a"), [first + 3, first + 4]);
    assert_eq!(tokenizer.decode(&[first + 4], true).expect("known tokens"), " a");
}

#[test]
fn control_tokens_are_made_of_nothing() {
    let file = pieces(&[("<", -1.0, 1), ("s", -2.0, 1), (">", -3.0, 1), ("<s", -4.0, 1), ("/s>", -5.0, 1)]);
    assert_eq!(merges(&file), ["< s"]);
}

#[test]
fn byte_level_texts_are_split_as_their_vocabulary_splits_them() {
    let more = [("12", 1), ("34", 1), ("123", 1), ("<|im_end|>", 3), ("<think>", 4)];
    let merges = ["1 2", "3 4", "12 3"];
    let text = |ids: Vec<u32>, tokenizer: &Tokenizer| -> Vec<String> {
        ids.iter().map(|id| tokenizer.id_to_token(*id).expect("known")).collect()
    };
    for (pre, expected) in [
        ("llama-bpe", ["123", "4", "<|im_end|>", "1", "<think>"].as_slice()),
        ("qwen2", &["1", "2", "3", "4", "<|im_end|>", "1", "<think>"]),
        ("smollm", &["1", "2", "3", "4", "<|im_end|>", "1", "<think>"]),
        ("gpt-2", &["12", "34", "<|im_end|>", "1", "<think>"]),
        ("default", &["123", "4", "<|im_end|>", "1", "<think>"]),
        ("gpt-4o", &["123", "4", "<|im_end|>", "1", "<think>"]),
        ("tekken", &["1", "2", "3", "4", "<|im_end|>", "1", "<think>"]),
    ] {
        let tokenizer = load(&byte_level(pre, &more, &merges));
        assert_eq!(text(ids(&tokenizer, "1234<|im_end|>1<think>"), &tokenizer), expected, "{pre}");
        let mixed = "It's 12 °C,\n\n  naïve\t日本 'Re";
        assert_eq!(tokenizer.decode(&ids(&tokenizer, mixed), true).expect("known"), mixed, "{pre}");
    }
}

#[test]
fn special_tokens_and_their_adding_are_those_of_llama_cpp() {
    let special = |file: &TestFile| file.parse().expect("a good file").special();
    let llama = special(&pieces(&[("<|eot_id|>", 0.0, 3), ("<|im_end|>", 0.0, 1)]));
    assert_eq!((llama.bos, llama.eos, llama.unk, llama.pad), (Some(1), Some(2), Some(0), None));
    assert_eq!((llama.add_bos, llama.add_eos), (true, false));
    assert_eq!(llama.end_of_generation, [2, 259]);

    let more = [("<|endoftext|>", 3), ("<|im_end|>", 3), ("<|eom|>", 1)];
    let qwen = byte_level("qwen2", &more, &[]).with("tokenizer.ggml.eos_token_id", 257);
    let qwen = special(&qwen.with("tokenizer.ggml.eom_token_id", 258));
    assert_eq!((qwen.bos, qwen.eos, qwen.eom, qwen.add_bos), (None, Some(257), Some(258), false));
    assert_eq!(qwen.end_of_generation, [256, 257, 258]);
    assert!(special(&byte_level("llama-bpe", &[], &[])).add_bos);
    assert!(!special(&byte_level("llama-bpe", &[], &[]).with("tokenizer.ggml.add_bos_token", false)).add_bos);
    assert_eq!(special(&TestFile::new("llama")), Default::default());
}

#[test]
fn vocabularies_that_cannot_be_are_refused_by_name() {
    assert!(refusal(&pieces(&[("a", 0.0, 1), ("a", 0.0, 1)])).contains("token 260 (\"a\") comes twice"));
    assert!(refusal(&pieces(&[]).with("tokenizer.ggml.bos_token_id", 259)).contains("bos_token_id is no id"));
    assert!(refusal(&pieces(&[]).with("tokenizer.ggml.scores", Entry::F32s(vec![0.0]))).contains("scores"));
    assert!(refusal(&pieces(&[("a", f32::NAN, 1)])).contains("scores"));
    assert!(refusal(&pieces(&[]).with("tokenizer.ggml.token_type", Entry::U32s(vec![1]))).contains("token_type"));
    assert!(refusal(&pieces(&[]).with("tokenizer.ggml.model", "bert")).contains("bert (known: gpt2, llama)"));
    assert!(refusal(&pieces(&[]).without("tokenizer.ggml.tokens")).contains("tokens is missing"));
    let few = pieces(&[]).with("tokenizer.ggml.tokens", texts(&["a", "b"]));
    assert!(refusal(&few.without("tokenizer.ggml.token_type")).contains("no id of the vocabulary"));
    let bytes = TestFile::new("llama")
        .with("tokenizer.ggml.model", "llama")
        .with("tokenizer.ggml.tokens", texts(&["<0x00>", "\u{1}"]));
    assert!(refusal(&bytes).contains("no token for byte 0x02"));

    assert!(refusal(&byte_level("klingon", &[], &[])).contains("pre-tokenizer: klingon (known: llama-bpe"));
    let merge = |merge: &str| refusal(&byte_level("qwen2", &[("ab", 1)], &["a b", merge]));
    assert!(merge("a c").contains("merge 1 (\"a c\") takes, or makes, a token"));
    assert!(merge("ab").contains("is not two tokens"));
    assert!(merge(" ab").contains("takes, or makes"));
    assert!(refusal(&byte_level("qwen2", &[], &[]).without("tokenizer.ggml.merges")).contains("merges is missing"));
    let file = byte_level("qwen2", &[], &[]).with("tokenizer.ggml.tokens", texts(&["a", "b"]));
    assert!(refusal(&file.without("tokenizer.ggml.token_type")).contains("no token for byte 0x09"));
}

#[test]
fn a_vocabulary_whose_merges_would_fill_memory_is_refused_soon() {
    let runs: Vec<String> = (1..4000).map(|length| "a".repeat(length)).collect();
    let more: Vec<_> = runs.iter().map(|run| (run.as_str(), 0.0, 1)).collect();
    assert!(refusal(&pieces(&more)).contains("more ways than a real vocabulary"));
}
