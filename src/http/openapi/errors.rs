//! The problems that routes can answer with, in groups for the description.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::ToSchema;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::http::openai::Envelope;
use crate::http::problem::{MEDIA_TYPE, ProblemBody};

macro_rules! groups {
    ($($(#[$doc:meta])* $group:ident { $($status:literal: $text:literal,)+ })+) => {$(
        $(#[$doc])*
        pub(crate) struct $group;

        impl IntoResponses for $group {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), problem($text)),)+])
            }
        }
    )+};
}

groups! {
    /// Of a body.
    Body {
        "400": "The body cannot be read",
        "408": "The body took too long to come",
        "413": "The body is too long",
        "415": "The body has another media type",
        "422": "The body has invalid values",
    }
    /// Of a header or a path.
    Malformed { "400": "The request cannot be read", }
    /// Of query parameters.
    Invalid { "422": "A parameter has an invalid value", }
    /// Of a path that names a thing.
    NotFound { "404": "Not found", }
    /// Of the state of things.
    Conflict { "409": "The state of things does not allow it", }
    /// Of `If-Match`.
    Changed { "412": "The thing is not as If-Match expects it: read it again, and send the change with its ETag", }
    /// Of a range.
    OutsideRange { "416": "The range lies outside the file", }
    /// Of a queue.
    Busy { "429": "A queue is full, or the API key has no request left, or none of its quota; Retry-After says when to come again", }
    /// Of a deadline.
    Late { "504": "The request's deadline passed before its answer was finished", }
    /// Of a server that cannot answer now.
    Unavailable { "503": "The server cannot answer now; Retry-After says when to come again", }
    /// Of every route that asks for a key.
    Keys {
        "401": "There is no API key, or none that counts",
        "403": "The API key is too narrow; the detail names the scope that is needed",
        "429": "The API key has no request left, or none of its quota; Retry-After says when to come again",
    }
    /// Of every route.
    Server {
        "500": "Something went wrong on the server",
        "503": "The server cannot answer now; Retry-After says when to come again",
    }
}

/// The errors of OpenAI's routes, in their own shape.
pub(crate) struct OpenAi;

impl IntoResponses for OpenAi {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let error = |(status, text): &(&str, &str)| ((*status).to_owned(), envelope(text));
        OPENAI.iter().map(error).collect()
    }
}

const OPENAI: [(&str, &str); 12] = [
    ("400", "The request cannot be read, or has invalid values; `param` names the field"),
    ("401", "There is no API key, or none that counts"),
    ("403", "The API key is too narrow; the message names the scope that is needed"),
    ("404", "There is no such model"),
    ("408", "The body took too long to come"),
    ("409", "The adapter or the generator was made for another base model, or there is no generator"),
    ("413", "The body is too long"),
    ("415", "The body has another media type"),
    (
        "429",
        "A queue is full, or the API key has no request left, or none of its quota; Retry-After says when to come again",
    ),
    ("500", "Something went wrong on the server"),
    ("503", "The server cannot answer now; Retry-After says when to come again"),
    ("504", "The request's deadline passed before its answer was finished"),
];

fn envelope(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name(Envelope::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(description).content("application/json", content).build())
}

fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build())
}
