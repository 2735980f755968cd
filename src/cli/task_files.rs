//! From files to tasks: which files a folder gives, what each is, and what is told of it.

use super::task_formats::{
    Format, Kind, kind, manifest_descriptions, read_lines, read_natural_instructions, shortened,
};
use crate::service::NewTask;
use crate::store::{Example, Split};
use crate::task::MAX_DESCRIPTION_CHARS;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Instances that are taken of a Super-NaturalInstructions file: they have thousands, and their examples are alike.
const INSTANCES: usize = 200;
/// The longest text: what a body of `PUT /tasks/{name}/examples` may hold.
const MAX_TEXT_BYTES: usize = 8 << 20;
/// How the halves of a text are called.
const TRAIN: &str = ".train.txt";
const TEST: &str = ".test.txt";

/// A file to read.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// It was found in a folder: where it is no task, that is no fault.
    in_folder: bool,
}

/// What was found in files.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The tasks.
    pub(super) tasks: Vec<NewTask>,
    /// What was shortened or passed over, and why.
    pub(super) notes: Vec<String>,
    /// Files that should be tasks and cannot be read.
    pub(super) problems: Vec<String>,
}

/// How files are read.
pub(super) struct Reader<'a> {
    /// What the task does, where the caller says it.
    pub(super) descriptions: &'a [String],
    /// What the files are.
    pub(super) format: Format,
    /// The most examples of a task.
    pub(super) max_examples: Option<usize>,
}

/// The file itself, or a folder's files in order of their names.
pub(super) fn files_of(path: &Path, notes: &mut Vec<String>) -> anyhow::Result<Vec<File>> {
    if !path.is_dir() {
        return Ok(vec![File { path: path.to_owned(), in_folder: false }]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".jsonl") || name.ends_with(".json") || name.ends_with(TRAIN) {
            files.push(File { path, in_folder: true });
        } else if !name.ends_with(TEST) {
            notes.push(format!(
                "{}: passed over, of a folder's files *.jsonl, *.json and *{TRAIN} are taken",
                path.display()
            ));
        }
    }
    anyhow::ensure!(!files.is_empty(), "{}: there is no *.jsonl, *.json or *{TRAIN} in this folder", path.display());
    Ok(files)
}

impl Reader<'_> {
    /// Adds the file's task, or what hinders it.
    pub(super) fn read(&self, file: &File, found: &mut Found) {
        let shown = file.path.display().to_string();
        let result = read_text(&file.path).and_then(|text| match kind(&text, (&file.path, self.format))? {
            Kind::Lines => self.lines(&file.path, &text, &mut found.notes).map(Some),
            Kind::NaturalInstructions => self.natural_instructions(&file.path, &text, &mut found.notes).map(Some),
            Kind::Text => self.text(&file.path, text, &mut found.notes).map(Some),
            Kind::OtherJson if file.in_folder => Ok(None),
            Kind::OtherJson => anyhow::bail!(
                "is JSON, but neither a task in the Super-NaturalInstructions format (it has no Definition and Instances) \
                 nor JSON lines of examples"
            ),
        });
        match result {
            Ok(Some(task)) => found.tasks.push(task),
            Ok(None) => found.notes.push(format!("{shown}: passed over, it is JSON without Definition and Instances")),
            Err(problem) => found.problems.push(format!("{shown}: {problem:#}")),
        }
    }

    fn lines(&self, path: &Path, text: &str, notes: &mut Vec<String>) -> anyhow::Result<NewTask> {
        let name = stem(path)?;
        let examples = self.some(read_lines(text)?, self.max_examples, (path, notes));
        let mut descriptions = self.descriptions.to_vec();
        if descriptions.is_empty() {
            descriptions = manifest_descriptions(path, &name)?;
        }
        anyhow::ensure!(
            !descriptions.is_empty(),
            "say what the task does with --description TEXT (or in a manifest.json beside it: a list of \
             {{\"task\": {name:?}, \"definition\": [TEXT]}})"
        );
        Ok(NewTask { descriptions: fitting(descriptions, path, notes), name, examples })
    }

    fn natural_instructions(&self, path: &Path, text: &str, notes: &mut Vec<String>) -> anyhow::Result<NewTask> {
        let (definition, examples, empty) = read_natural_instructions(text)?;
        if empty > 0 {
            notes.push(format!("{}: {empty} instances without an output are left out", path.display()));
        }
        let examples = self.some(examples, self.max_examples.or(Some(INSTANCES)), (path, notes));
        let descriptions = if self.descriptions.is_empty() { definition } else { self.descriptions.to_vec() };
        anyhow::ensure!(
            !descriptions.is_empty(),
            "its Definition is empty: say what the task does with --description TEXT"
        );
        Ok(NewTask { name: stem(path)?, descriptions: fitting(descriptions, path, notes), examples })
    }

    fn text(&self, path: &Path, text: String, notes: &mut Vec<String>) -> anyhow::Result<NewTask> {
        let name = stem(path)?;
        let mut examples = vec![Example::Text { text: cut(text, path, notes), split: None }];
        if let Some(test) = test_half(path).filter(|test| test.is_file()) {
            let text = read_text(&test).with_context(|| test.display().to_string())?;
            examples.push(Example::Text { text: cut(text, &test, notes), split: Some(Split::Test) });
            notes.push(format!("{}: measured on {}", path.display(), test.display()));
        }
        let mut descriptions = self.descriptions.to_vec();
        if descriptions.is_empty() {
            descriptions.push(format!("Continue in the style of {}.", name.replace(['_', '-'], " ")));
        }
        Ok(NewTask { descriptions: fitting(descriptions, path, notes), name, examples })
    }

    /// At most so many examples, spread evenly over all: a file's neighbours are often alike.
    fn some(&self, all: Vec<Example>, most: Option<usize>, (path, notes): (&Path, &mut Vec<String>)) -> Vec<Example> {
        let count = all.len();
        let Some(most) = most.filter(|most| *most < count) else { return all };
        notes.push(format!("{}: {most} of {count} examples are taken (--max-examples)", path.display()));
        let taken = |index: usize| index * most / count != (index + 1) * most / count;
        all.into_iter().enumerate().filter(|(index, _)| taken(*index)).map(|(_, example)| example).collect()
    }
}

/// Descriptions that are short enough to register.
fn fitting(descriptions: Vec<String>, path: &Path, notes: &mut Vec<String>) -> Vec<String> {
    let mut fit = |text: String| match shortened(&text, MAX_DESCRIPTION_CHARS) {
        Some(short) => {
            notes.push(format!(
                "{}: the description is shortened from {} to {} characters, at most {MAX_DESCRIPTION_CHARS} are accepted",
                path.display(),
                text.chars().count(),
                short.chars().count()
            ));
            short
        }
        None => text,
    };
    descriptions.into_iter().map(&mut fit).collect()
}

/// A text that is short enough to register, cut behind a line.
fn cut(mut text: String, path: &Path, notes: &mut Vec<String>) -> String {
    if text.len() > MAX_TEXT_BYTES {
        let most = text.floor_char_boundary(MAX_TEXT_BYTES);
        let end = text[..most].rfind('\n').map_or(most, |at| at + 1);
        notes.push(format!("{}: the text is shortened from {} to {end} bytes", path.display(), text.len()));
        text.truncate(end);
    }
    text
}

/// A file's text. What is no UTF-8 is named by its line.
fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        anyhow::anyhow!("line {line}: is not UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The task's name: the file's, without its endings.
fn stem(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().context("is a file without a name")?.to_string_lossy().into_owned();
    if let Some(stem) = name.strip_suffix(TRAIN) {
        return Ok(stem.to_owned());
    }
    Ok(path.file_stem().map_or(name, |stem| stem.to_string_lossy().into_owned()))
}

/// Where the other half of a text would be.
fn test_half(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(format!("{}{TEST}", name.strip_suffix(TRAIN)?)))
}

#[cfg(test)]
#[path = "task_files_tests.rs"]
mod tests;
