//! The page: its files are in the binary, and nothing that it shows comes from anywhere else.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::http::extract::Segment;
use crate::http::file::File;
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;

/// What the page may do: run its own scripts and styles and talk to this server. Nothing else, also if a text slipped into
/// its markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("../../../web/index.html");

/// A file of `web/` by its name.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../web/", $name)))),*]
    };
}

const FILES: [(&str, &str); 21] = files![
    "adapters.js",
    "api.js",
    "app.js",
    "ask.js",
    "card.js",
    "chart.js",
    "chosen.js",
    "compare.js",
    "describe.js",
    "dom.js",
    "errors.js",
    "generators.js",
    "heatmap.js",
    "jobs.js",
    "map.js",
    "pages.js",
    "safetensors.js",
    "sse.js",
    "style.css",
    "tasks.js",
    "theme.js",
];

/// The page and its files.
pub(crate) fn page() -> Router<AppState> {
    Router::new().route("/", get(index)).route("/web/{file}", get(file))
}

async fn index(method: Method, headers: HeaderMap) -> Response {
    answer(INDEX, "text/html; charset=utf-8", &method, &headers)
}

async fn file(Segment(name): Segment<String>, method: Method, headers: HeaderMap) -> Response {
    match FILES.iter().find(|file| file.0 == name) {
        Some((_, text)) => answer(text, media_type(&name), &method, &headers),
        None => Problem::new(Code::NoRoute, "the page has no such file; GET / shows it").into_response(),
    }
}

fn media_type(name: &str) -> &'static str {
    if name.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" }
}

fn answer(text: &'static str, media_type: &'static str, method: &Method, request: &HeaderMap) -> Response {
    let file = File {
        bytes: Bytes::from_static(text.as_bytes()),
        digest: format!("{:x}", Sha256::digest(text.as_bytes())),
        media_type,
    };
    let mut response = file.answer(method, request);
    for (name, value) in [
        // Kept, and asked for each time: another version of the server has another page.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Code;

    #[test]
    fn every_file_of_the_folder_is_served_and_together_they_are_light() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "index.html").collect();
        names.sort_unstable();
        assert_eq!(names, FILES.map(|file| file.0));
        let bytes: usize = FILES.iter().map(|file| file.1.len()).sum();
        assert!(bytes + INDEX.len() < 150_000, "{bytes}");
    }

    #[test]
    fn a_module_imports_what_is_there_and_no_address_is_named_but_svgs() {
        for (name, text) in FILES {
            for import in text.lines().filter_map(|line| line.strip_prefix("import ")?.split('"').nth(1)) {
                assert!(FILES.iter().any(|file| import.strip_prefix("./") == Some(file.0)), "{name}: {import}");
            }
            assert!(!text.replace("http://www.w3.org/2000/svg", "").contains("://"), "{name}");
        }
    }

    #[test]
    fn the_documentation_has_what_the_page_says_of_each_problem() {
        let documented = include_str!("../../../docs/errors.md");
        let (_, script) = FILES.iter().find(|file| file.0 == "errors.js").unwrap();
        let remedies =
            script.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix("\",")?.split_once(": \""));
        let mut count = 0;
        for (code, remedy) in remedies {
            let title = Code::ALL.iter().find(|known| known.as_str() == code).map(|known| known.title());
            let row = format!("| `{code}` | {} | {remedy} |", title.unwrap_or("The server cannot be reached"));
            assert!(documented.contains(&row), "docs/errors.md lacks: {row}");
            count += 1;
        }
        assert!(count >= 19, "{count}");
    }
}
