//! Just enough of Rust's lexer to tell code from comments and literals.

/// A word, `::`, or any other single character that is not white space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// The text of a token, empty where there is none.
pub(super) fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// The tokens of a source file without its comments, lifetimes and literals of text.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest, '"'),
            '\'' => quoted_char(rest),
            _ if word > 0 => raw_string(rest, word).unwrap_or(word),
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let taken = &rest[..length];
        if length == word || taken == "::" || length == first.len_utf8() && !first.is_whitespace() {
            found.push(Token { text: taken, line });
        }
        line += taken.matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = |by| at + by;
        (depth, at) = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth + 1, step(2)),
            [b'*', b'/', ..] => (depth - 1, step(2)),
            _ => (depth, step(1)),
        };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length of a literal from its opening quote to its closing one.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal, or of a lifetime.
fn quoted_char(text: &str) -> usize {
    let mut next = text.chars().skip(1);
    match (next.next(), next.next()) {
        (Some('\\'), _) | (_, Some('\'')) => quoted(text, '\''),
        _ => 1 + text[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len() - 1),
    }
}

/// Length of a raw string whose prefix is the word of `word` bytes; none where it is another word.
fn raw_string(text: &str, word: usize) -> Option<usize> {
    let hashes = text[word..].len() - text[word..].trim_start_matches('#').len();
    let body = text[word + hashes..].strip_prefix('"').filter(|_| matches!(&text[..word], "r" | "br" | "cr"))?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&end).map_or(text.len(), |at| word + hashes + 1 + at + end.len()))
}
