//! The name of a model of the hub.

use super::Error;

/// A longer name is no name of the hub.
const MAX_PART_BYTES: usize = 96;

/// A longer path is none that a cache folder could hold.
const MAX_PATH_BYTES: usize = 200;

/// The suffix of the files that can be asked for by name.
const GGUF: &str = ".gguf";

/// A model, at a revision, and perhaps one file of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubModel {
    /// `org/name`.
    pub id: String,
    /// A branch, a tag or a commit; `main` where none is given.
    pub revision: String,
    /// A `.gguf` file of the repository; without one, it is fetched as safetensors.
    pub file: Option<String>,
}

impl HubModel {
    /// Reads `org/name`, `org/name@revision`, `org/name/file.gguf` or `org/name@revision/file.gguf`. The file may lie
    /// in folders. A revision before a file is one word, or three as in `refs/pr/1`.
    ///
    /// # Errors
    /// [`Error::Name`] for what could be no model, or would lead out of the cache.
    ///
    /// ```
    /// use attune::hub::HubModel;
    ///
    /// let model = HubModel::parse("Qwen/Qwen2.5-0.5B-Instruct-GGUF@main/q8_0.gguf")?;
    /// assert_eq!(model.id, "Qwen/Qwen2.5-0.5B-Instruct-GGUF");
    /// assert_eq!(model.file.as_deref(), Some("q8_0.gguf"));
    /// # Ok::<(), attune::hub::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|problem| Error::Name { text: text.chars().take(2 * MAX_PATH_BYTES).collect(), problem })
    }
}

impl std::fmt::Display for HubModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.id, self.revision)?;
        match &self.file {
            Some(file) => write!(f, "/{file}"),
            None => Ok(()),
        }
    }
}

fn parse(text: &str) -> Result<HubModel, &'static str> {
    if text.contains("://") {
        return Err("it is an address");
    }
    let (organisation, rest) = text.split_once('/').ok_or("the organisation is missing")?;
    let end = rest.find(['/', '@']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    check_name(organisation)?;
    check_name(name)?;
    let (revision, file) = match rest.split_at_checked(1) {
        Some(("@", rest)) => split_revision(rest),
        Some((_, file)) => ("main", Some(file)),
        None => ("main", None),
    };
    check_path(revision, |c| c.is_ascii_alphanumeric() || "-_.+".contains(c))?;
    if let Some(file) = file {
        check_path(file, |c| !c.is_control() && !"\\:*?\"<>|".contains(c))?;
        if !file.ends_with(GGUF) {
            return Err("only .gguf files can be named");
        }
    }
    Ok(HubModel { id: format!("{organisation}/{name}"), revision: revision.to_owned(), file: file.map(str::to_owned) })
}

/// A revision may have slashes itself; before a file it is one word, or the three of `refs/kind/name`.
fn split_revision(text: &str) -> (&str, Option<&str>) {
    if !text.ends_with(GGUF) {
        return (text, None);
    }
    let words = if text.starts_with("refs/") { 3 } else { 1 };
    match text.match_indices('/').nth(words - 1) {
        Some((at, _)) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// The hub's own rule for the parts of an id, which also keeps the cache's folder names unambiguous.
fn check_name(part: &str) -> Result<(), &'static str> {
    match part {
        "" => Err("a part is empty"),
        _ if part.len() > MAX_PART_BYTES => Err("a part is too long"),
        _ if !part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) => {
            Err("organisation and name have letters, digits, '-', '_' and '.' only")
        }
        _ if part.contains("..") || part.contains("--") => Err("'..' and '--' are not allowed"),
        _ if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) => Err("a part begins or ends with '-' or '.'"),
        _ => Ok(()),
    }
}

/// A relative path that stays where it is put.
fn check_path(path: &str, allowed: impl Fn(char) -> bool) -> Result<(), &'static str> {
    if path.len() > MAX_PATH_BYTES {
        return Err("revision or file is too long");
    }
    if path.split('/').any(|part| part.is_empty() || part == "." || part.contains("..")) {
        return Err("revision or file has an empty part or '..'");
    }
    match path.chars().all(|c| c == '/' || allowed(c)) {
        true => Ok(()),
        false => Err("revision or file has a character that is not allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, String, Option<String>) {
        let model = HubModel::parse(text).unwrap();
        (model.id, model.revision, model.file)
    }

    #[test]
    fn the_four_forms_are_read() {
        let some = |id: &str, revision: &str, file: Option<&str>| (id.into(), revision.into(), file.map(str::to_owned));
        assert_eq!(parsed("org/name"), some("org/name", "main", None));
        assert_eq!(parsed("org/name@v1.0"), some("org/name", "v1.0", None));
        assert_eq!(parsed("org/name@refs/pr/12"), some("org/name", "refs/pr/12", None));
        assert_eq!(parsed("org/name/a.gguf"), some("org/name", "main", Some("a.gguf")));
        assert_eq!(parsed("org/name/dir/a@b c.gguf"), some("org/name", "main", Some("dir/a@b c.gguf")));
        assert_eq!(parsed("org/name@v1/dir/a.gguf"), some("org/name", "v1", Some("dir/a.gguf")));
        assert_eq!(parsed("org/name@refs/pr/1/dir/a.gguf"), some("org/name", "refs/pr/1", Some("dir/a.gguf")));
        assert_eq!(parsed("HuggingFaceTB/SmolLM2-135M_x.y"), some("HuggingFaceTB/SmolLM2-135M_x.y", "main", None));
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        for text in ["org/name@main", "org/name@v1/a.gguf", "org/name@refs/pr/1/b/a.gguf"] {
            assert_eq!(HubModel::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_that_are_none_or_lead_elsewhere_are_refused() {
        for text in [
            "",
            "gpt2",
            "/",
            "org/",
            "/name",
            "org//x.gguf",
            "org/name/",
            "org/name@",
            "org/name@/a.gguf",
            "../name",
            "org/..",
            "org/.name",
            "org/name-",
            "a--b/name",
            "or g/name",
            "org/na\nme",
            "org/name@../x",
            "org/name@a//b",
            "org/name@v1/",
            "org/name/../../x.gguf",
            "org/name//x.gguf",
            "org/name/x.bin",
            "org/name/a\u{0}.gguf",
            "org/name\\x/a.gguf",
            "org/name/c:\\x.gguf",
            "org/name@a?b",
            "org/name@a#b",
            "org/name@a%2e",
            "https://huggingface.co/org/name",
            "org/nämé",
            "org/name/a/./b.gguf",
        ] {
            let error = HubModel::parse(text).unwrap_err();
            assert!(error.to_string().contains("org/name@revision/file.gguf"), "{text}: {error}");
        }
        assert!(HubModel::parse(&format!("org/{}", "x".repeat(97))).is_err());
        assert!(HubModel::parse(&format!("org/name@{}", "x".repeat(201))).is_err());
    }
}
