//! Holds the sources against the two tables of ARCHITECTURE.md: which module imports which, and
//! which crates are named where.
//!
//! It reads tokens, not types: `crate::x`, groups of it, and `super` chains that reach the crate's
//! root count as imports of `x`, in `use` lines and in expressions alike. Comments and string
//! literals count for nothing. `lib.rs` and `main.rs` are the roots and may name every module.

#[path = "layers/tokens.rs"]
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tokens::{Token, text, tokens};

/// The only modules that may read a `cfg(feature = …)`.
const FEATURES_IN: [&str; 3] = ["device", "hub", "telemetry"];

#[test]
fn every_import_goes_down_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is readable");
    let house = House::parse(&text).expect("the tables of ARCHITECTURE.md parse");
    let mut files = Vec::new();
    sources(&root.join("src"), "src", &mut files);
    assert!(files.len() > 1, "src holds no sources");
    let found: Vec<String> = files.iter().flat_map(|(path, source)| house.complaints(path, source)).collect();
    assert!(found.is_empty(), "the layers of ARCHITECTURE.md do not hold:\n{}", found.join("\n"));
}

/// The `.rs` files below `dir`, each with its path from the crate's root, in order of their names.
fn sources(dir: &Path, shown: &str, files: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(dir).expect("a folder of sources is readable");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry is readable").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let shown = format!("{shown}/{name}");
        if path.is_dir() {
            sources(&path, &shown, files);
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(&path).expect("a source file is readable");
            files.push((shown, source));
        }
    }
}

/// What ARCHITECTURE.md says of the modules.
#[derive(Debug)]
struct House {
    modules: BTreeMap<String, Rules>,
    /// By crate, the modules that may name it.
    crates: BTreeMap<String, Vec<String>>,
}

/// One line of the module table.
#[derive(Debug)]
struct Rules {
    layer: u32,
    also: Vec<String>,
    never: Vec<String>,
}

impl House {
    fn parse(text: &str) -> Result<Self, String> {
        let mut modules = BTreeMap::new();
        for row in table(text, &["layer", "module", "also imports", "never imports"])? {
            let [layer, module, also, never] = &row[..] else { return Err("a line is short".to_owned()) };
            let number = layer.strip_prefix('L').and_then(|digits| digits.parse().ok());
            let layer = number.ok_or_else(|| format!("`{layer}` is no layer: write L0, L1, …"))?;
            let [name] = &code(module)[..] else { return Err(format!("`{module}` should be one module in backticks")) };
            if modules.insert(name.clone(), Rules { layer, also: code(also), never: code(never) }).is_some() {
                return Err(format!("module `{name}` has two lines"));
            }
        }
        let mut crates = BTreeMap::new();
        for row in table(text, &["crate", "only in"])? {
            crates.extend(code(&row[0]).into_iter().map(|name| (name, code(&row[1]))));
        }
        let named = modules.values().flat_map(|rules| rules.also.iter().chain(&rules.never));
        match named.chain(crates.values().flatten()).find(|name| !modules.contains_key(*name)) {
            Some(name) => Err(format!("`{name}` is named in a table but has no line in the module table")),
            None => Ok(Self { modules, crates }),
        }
    }

    /// What breaks a rule in one file, one line each.
    fn complaints(&self, path: &str, source: &str) -> Vec<String> {
        let module_path = module_path(path);
        let Some(owner) = module_path.first() else { return Vec::new() };
        let Some(rules) = self.modules.get(*owner) else {
            return vec![format!("{path}:1: module `{owner}` has no line in the module table of ARCHITECTURE.md")];
        };
        let tokens = tokens(source);
        let imports = imports(&tokens, module_path.len());
        let broken = imports.into_iter().filter_map(|(name, line)| Some((line, self.import(owner, rules, name)?)));
        let foreign =
            tokens.iter().enumerate().filter_map(|(at, token)| Some((token.line, self.foreign(owner, &tokens, at)?)));
        let features = feature_lines(&tokens).into_iter().filter(|_| !FEATURES_IN.contains(owner));
        let features =
            features.map(|line| (line, format!("only `{}` may read a cfg(feature)", FEATURES_IN.join("`, `"))));
        let mut found: Vec<_> = broken.chain(foreign).chain(features).collect();
        found.sort();
        found.into_iter().map(|(line, rule)| format!("{path}:{line}: {rule}")).collect()
    }

    /// The rule that `owner` breaks by an import, if any.
    fn import(&self, owner: &str, rules: &Rules, name: &str) -> Option<String> {
        if name == owner {
            return None;
        }
        let Some(other) = self.modules.get(name) else {
            return Some(format!(
                "`{owner}` imports `{name}`, which has no line in the module table of ARCHITECTURE.md"
            ));
        };
        if rules.never.iter().any(|never| never == name) {
            return Some(format!("`{owner}` imports `{name}`, which its line in ARCHITECTURE.md rules out"));
        }
        if other.layer < rules.layer || rules.also.iter().any(|also| also == name) {
            return None;
        }
        let (mine, its) = (rules.layer, other.layer);
        Some(format!("`{owner}` (L{mine}) imports `{name}` (L{its}): only lower layers and itself are allowed"))
    }

    /// The rule that `owner` breaks by naming a crate at this token, if any.
    fn foreign(&self, owner: &str, tokens: &[Token<'_>], at: usize) -> Option<String> {
        let name = tokens[at].text;
        let only = self.crates.get(name)?;
        let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
        let is_crate = before == "use" || before != "::" && text(tokens, at + 1) == "::";
        let refused = is_crate && !only.iter().any(|module| module == owner);
        refused.then(|| format!("`{owner}` names the crate `{name}`, which only {} may", only.join(", ")))
    }
}

/// The cells of these columns, line by line, of the one Markdown table that has all of them.
fn table(text: &str, columns: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = text.lines().skip_while(|line| {
        let header = cells(line);
        !line.starts_with('|') || columns.iter().any(|column| !header.iter().any(|cell| cell == column))
    });
    let header = cells(lines.next().ok_or_else(|| format!("no table has the columns {}", columns.join(", ")))?);
    let places: Vec<usize> =
        columns.iter().filter_map(|column| header.iter().position(|cell| cell == column)).collect();
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(|line| {
        let row = cells(line);
        let picked = places.iter().map(|place| row.get(*place).cloned());
        picked.collect::<Option<Vec<_>>>().ok_or_else(|| format!("too few cells in `{line}`"))
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() { Err(format!("the table of {} is empty", columns.join(", "))) } else { Ok(rows) }
}

/// What stands in backticks in a cell.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// `src/lm/ops/mod.rs` is `[lm, ops]`; the roots are empty.
fn module_path(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let parts = path.split('/').filter(|part| *part != "mod");
    if matches!(path, "lib" | "main") { Vec::new() } else { parts.collect() }
}

/// The top-level modules that a file names, each with its line. `depth` is the file's own depth.
fn imports<'a>(tokens: &[Token<'a>], depth: usize) -> Vec<(&'a str, usize)> {
    let mut found = Vec::new();
    let (mut braces, mut inline) = (0usize, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match (token.text, text(tokens, at + 1)) {
            ("{", _) => {
                braces += 1;
                if at > 1 && tokens[at - 2].text == "mod" {
                    inline.push(braces);
                }
            }
            ("}", _) => {
                inline.pop_if(|opened| *opened == braces);
                braces = braces.saturating_sub(1);
            }
            ("crate", "::") => path_ends(tokens, at + 2, 0, &mut found),
            ("super", "::") => path_ends(tokens, at, depth + inline.len(), &mut found),
            ("crate", "as") if at > 0 && tokens[at - 1].text == "use" => found.push(("crate", token.line)),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Follows a path that begins at `at` in a module `level` below the root, into its groups, and
/// adds what it names right below the root.
fn path_ends<'a>(tokens: &[Token<'a>], at: usize, level: usize, found: &mut Vec<(&'a str, usize)>) {
    match (text(tokens, at), text(tokens, at + 1)) {
        ("super", "::") => path_ends(tokens, at + 2, level.saturating_sub(1), found),
        ("{", _) => {
            let mut open = 0usize;
            for (inner, token) in tokens.iter().enumerate().skip(at) {
                match token.text {
                    "{" => open += 1,
                    "}" => open -= 1,
                    _ => {}
                }
                if open == 0 {
                    return;
                }
                if open == 1 && matches!(token.text, "{" | ",") {
                    path_ends(tokens, inner + 1, level, found);
                }
            }
        }
        (name, _) if level == 0 && !matches!(name, "" | "}") => found.push((name, tokens[at].line)),
        _ => {}
    }
}

/// The lines of `cfg(… feature = …)`, `cfg_attr` and `cfg!` alike.
fn feature_lines(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut open: Option<usize> = None;
    for (at, token) in tokens.iter().enumerate() {
        open = match (token.text, open) {
            ("cfg" | "cfg_attr", None) if matches!(text(tokens, at + 1), "(" | "!") => Some(0),
            ("(", Some(count)) => Some(count + 1),
            (")", Some(count)) => (count > 1).then(|| count - 1),
            (_, open) => open,
        };
        if open.is_some() && token.text == "feature" && text(tokens, at + 1) == "=" {
            lines.push(token.line);
        }
    }
    lines
}

mod checker {
    use super::House;

    const TABLES: &str = "
| layer | module | holds | also imports | never imports |
|---|---|---|---|---|
| L0 | `noise` | | | |
| L0 | `device` | | `noise` | |
| L1 | `store` | | | |
| L2 | `lm` | | | `store` |

| crate | only in |
|---|---|
| `axum` `tower` | `lm` |
";

    #[track_caller]
    fn check(path: &str, source: &str, expected: &[&str]) {
        let found = House::parse(TABLES).expect("the tables parse").complaints(path, source);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (complaint, part) in found.iter().zip(expected) {
            assert!(complaint.contains(part), "`{complaint}` does not say `{part}`");
        }
    }

    #[test]
    fn lower_layers_the_module_itself_and_named_exceptions_are_fine() {
        check("src/lm/model.rs", "use crate::noise::Noise;\nuse crate::lm::{Error, rope};", &[]);
        check("src/device.rs", "use crate::noise;", &[]);
    }

    #[test]
    fn the_same_layer_and_higher_ones_are_refused_with_file_line_and_rule() {
        check(
            "src/noise.rs",
            "//! x\nuse crate::device::Kind;",
            &["src/noise.rs:2: `noise` (L0) imports `device` (L0)"],
        );
        check(
            "src/store/mod.rs",
            "fn f() -> crate::lm::Error {}",
            &["src/store/mod.rs:1: `store` (L1) imports `lm` (L2)"],
        );
    }

    #[test]
    fn a_module_without_a_line_is_refused_as_owner_and_as_import() {
        check("src/extra/mod.rs", "", &["src/extra/mod.rs:1: module `extra` has no line"]);
        check("src/lm/mod.rs", "use crate::extra::X;", &["imports `extra`, which has no line"]);
        check("src/lm/mod.rs", "use crate::*;\nuse crate as root;", &["imports `*`", "imports `crate`"]);
    }

    #[test]
    fn groups_are_read_line_by_line() {
        let source = "use crate::{\n    noise::{Noise, self},\n    lm::X,\n    device,\n};";
        check("src/store/a.rs", source, &["a.rs:3: `store` (L1) imports `lm`"]);
    }

    #[test]
    fn a_chain_of_super_that_reaches_the_root_is_an_import() {
        check("src/store/a.rs", "use super::lm;\nuse super::super::lm::X;", &["a.rs:2"]);
        check("src/store/a.rs", "mod tests { use super::super::lm; }\nuse super::{super::lm};", &["a.rs:2"]);
        check("src/store.rs", "use super::lm::X;", &["store.rs:1"]);
    }

    #[test]
    fn what_a_line_rules_out_is_refused_though_it_is_lower() {
        check("src/lm/mod.rs", "use crate::store::Rows;", &["which its line in ARCHITECTURE.md rules out"]);
    }

    #[test]
    fn crates_stay_where_their_line_says() {
        check("src/lm/mod.rs", "use axum::Router;", &[]);
        check("src/store/mod.rs", "use tower;\nlet x = axum::x();\nlet y = a::axum::z;", &["mod.rs:1", "only lm may"]);
    }

    #[test]
    fn comments_strings_and_lifetimes_hide_nothing_and_count_for_nothing() {
        let quiet = "// crate::lm\n/* /* crate::lm */ crate::lm */\n\"\\\" crate::lm\"; r#\"\" crate::lm \"#; '\"'; b'\\''; &'a x;";
        check("src/store/mod.rs", quiet, &[]);
        check("src/store/mod.rs", &format!("{quiet}\ncrate::lm::f();"), &["mod.rs:4"]);
    }

    #[test]
    fn features_are_read_in_one_module_only() {
        let source = "#[cfg(all(test, feature = \"cuda\"))]\nfn f() { let feature = 1; }";
        check("src/device.rs", source, &[]);
        check("src/lm/mod.rs", source, &["mod.rs:1: only `device`, `hub`, `telemetry` may read a cfg(feature)"]);
    }

    #[test]
    fn a_table_that_is_missing_doubled_or_names_strangers_does_not_parse() {
        let refused = |text: &str| House::parse(text).expect_err("the text is refused");
        assert!(refused("# nothing").contains("no table"));
        assert!(refused(&TABLES.replace("`store` | |", "`noise` | |")).contains("two lines"));
        assert!(refused(&TABLES.replace("L2", "2")).contains("no layer"));
        assert!(refused(&TABLES.replace("| `lm` |\n", "| `ml` |\n")).contains("`ml` is named"));
    }
}
