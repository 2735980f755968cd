//! What files become.

use super::*;
use crate::store::Output;

fn read(files: &[(&str, &str)], reader: &Reader<'_>) -> (tempfile::TempDir, Found) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut found = Found::default();
    for file in files_of(dir.path(), &mut found.notes).unwrap() {
        reader.read(&file, &mut found);
    }
    (dir, found)
}

fn plainly<'a>() -> Reader<'a> {
    Reader { descriptions: &[], format: Format::Auto, max_examples: None }
}

#[test]
fn each_format_is_told_from_its_content() {
    let line = r#"{"input": "a", "output": "b"}"#;
    for (text, expected) in [
        (line.to_owned(), Kind::Lines),
        (format!("\n{line}\n{line}\n"), Kind::Lines),
        (format!("{line}\nnonsense\n"), Kind::Lines),
        (r#"{"text": "Once."}"#.to_owned(), Kind::Lines),
        ("{\n\"Definition\": [\"x\"],\n\"Instances\": []\n}".to_owned(), Kind::NaturalInstructions),
        (r#"{"Definition": ["x"], "Instances": []}"#.to_owned(), Kind::NaturalInstructions),
        ("Once upon a time.".to_owned(), Kind::Text),
        ("[A room.] Enter two.".to_owned(), Kind::Text),
        ("{\n  fn main() {}\n}".to_owned(), Kind::Text),
        ("[1, 2]".to_owned(), Kind::OtherJson),
    ] {
        assert_eq!(kind(&text, (Path::new("x.txt"), Format::Auto)).unwrap(), expected, "{text}");
    }
    assert_eq!(kind(line, (Path::new("x.txt"), Format::Text)).unwrap(), Kind::Text);
    let broken = kind("{\n\"Definition\": [\n\"x\"\n", (Path::new("x.json"), Format::Auto)).unwrap_err();
    assert!(broken.to_string().starts_with("line 4"), "{broken}");
}

#[test]
fn a_natural_instructions_file_is_a_task_with_some_of_its_instances() {
    let instance = |i: usize| format!(r#"{{"id": "{i}", "input": "in {i}", "output": ["out {i}"]}}"#);
    let instances: Vec<String> = (0..1000).map(instance).chain([r#"{"input": "x", "output": []}"#.into()]).collect();
    let text = format!(
        r#"{{"Contributors": ["a"], "Definition": ["Do it. {}"], "Categories": [], "Instances": [{}]}}"#,
        "And a word more of it. ".repeat(100),
        instances.join(",\n")
    );
    let (_dir, found) = read(&[("task1_do.json", &text)], &plainly());
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let task = &found.tasks[0];
    assert_eq!((task.name.as_str(), task.examples.len()), ("task1_do", 200));
    assert!(task.descriptions[0].chars().count() <= MAX_DESCRIPTION_CHARS);
    assert!(task.descriptions[0].ends_with("word more of it."));
    let some = Output::Several(vec!["out 999".into()]);
    assert!(task.examples.contains(&Example::Answered { input: "in 999".into(), output: some, split: None }));
    for what in ["1 instances without an output", "200 of 1000 examples", "the description is shortened"] {
        assert!(found.notes.iter().any(|note| note.contains(what)), "{what}: {:?}", found.notes);
    }
}

#[test]
fn json_lines_are_described_by_a_manifest_beside_them() {
    let manifest = r#"[{"task": "sum", "definition": ["Add them.", "Sum up."], "n": 1}]"#;
    let line = "{\"input\": \"1 2\", \"output\": [\"3\"], \"split\": \"train\"}\n";
    let (_dir, found) = read(&[("manifest.json", manifest), ("sum.jsonl", line), ("other.jsonl", line)], &plainly());
    assert_eq!((found.tasks.len(), found.tasks[0].descriptions.len()), (1, 2));
    assert!(found.problems[0].contains("other.jsonl: say what the task does with --description"), "{found:?}");
    assert!(found.notes[0].contains("manifest.json: passed over"), "{found:?}");
}

#[test]
fn a_broken_line_is_named_with_its_file() {
    let good = "{\"input\": \"a\", \"output\": \"b\"}\n";
    for (line, problem) in [
        ("{\"input\": \"a\"}", "t.jsonl: line 2: missing field `output`"),
        ("{\"raw\": {}}", "t.jsonl: line 2: unknown field `raw`"),
        ("{\"input\": \"a\", \"output\": 3}", "t.jsonl: line 2: a text, or a list of texts"),
        ("{\"input\": ", "t.jsonl: line 2: EOF"),
    ] {
        let (_dir, found) = read(&[("t.jsonl", &format!("{good}{line}\n"))], &plainly());
        assert!(found.tasks.is_empty() && found.problems[0].contains(problem), "{found:?}");
    }
    let instance = "{\"Definition\": [\"x\"], \"Instances\": [\n{\"input\": \"a\"}]}";
    let (_dir, found) = read(&[("t.json", instance)], &plainly());
    assert!(found.problems[0].contains("t.json: line 2: missing field `output`"), "{found:?}");
}

#[test]
fn a_folder_of_texts_has_a_task_for_each_training_half() {
    let files =
        [("old_tales.train.txt", "Once.\n"), ("old_tales.test.txt", "Upon.\n"), ("b.train.txt", "B."), ("c.txt", "")];
    let (_dir, found) = read(&files, &plainly());
    let [b, tales] = &found.tasks[..] else { panic!("{found:?}") };
    assert_eq!((b.name.as_str(), b.examples.len()), ("b", 1));
    assert_eq!(b.descriptions, ["Continue in the style of b."]);
    assert_eq!(
        (tales.name.as_str(), tales.descriptions[0].as_str()),
        ("old_tales", "Continue in the style of old tales.")
    );
    let text = |text: &str, split| Example::Text { text: text.into(), split };
    assert_eq!(tales.examples, [text("Once.\n", None), text("Upon.\n", Some(Split::Test))]);
    assert!(found.notes.iter().any(|note| note.contains("c.txt: passed over")), "{found:?}");
}

#[test]
fn a_text_that_is_no_utf8_is_named_by_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    std::fs::write(&path, b"one\ntwo \xff\n").unwrap();
    let mut found = Found::default();
    for path in [path, dir.path().join("none.txt")] {
        plainly().read(&File { path, in_folder: false }, &mut found);
    }
    assert!(found.problems[0].contains("a.txt: line 2: is not UTF-8"), "{found:?}");
    assert!(found.problems[1].contains("none.txt: cannot be read"), "{found:?}");
}

#[test]
fn a_description_is_cut_behind_a_sentence_or_a_word() {
    assert_eq!(shortened("One. Two three.", 100), None);
    assert_eq!(shortened("One. Two three.", 14).as_deref(), Some("One."));
    assert_eq!(shortened("One two three", 10).as_deref(), Some("One two"));
    assert_eq!(shortened("3.14 is a number", 10).as_deref(), Some("3.14 is a"));
    assert_eq!(shortened("ääääää", 3).as_deref(), Some("äää"));
}
