//! The problems that routes can answer with, in groups for the description.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::ToSchema;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

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
        "413": "The body is too long",
        "415": "The body has another media type",
        "422": "The body has values that cannot be",
    }
    /// Of a header or a path.
    Malformed { "400": "The request cannot be read", }
    /// Of query parameters.
    Invalid { "422": "A parameter has a value that cannot be", }
    /// Of a path that names a thing.
    NotFound { "404": "There is no such thing", }
    /// Of the state of things.
    Conflict { "409": "The state of things does not allow it", }
    /// Of a range.
    OutsideRange { "416": "The range lies outside the file", }
    /// Of a queue.
    Busy { "429": "A queue is full; Retry-After says when to come again", }
    /// Of a server that cannot answer now.
    Unavailable { "503": "The server cannot answer now; Retry-After says when to come again", }
    /// Of every route.
    Server {
        "500": "Something went wrong on the server",
        "503": "The server cannot answer now; Retry-After says when to come again",
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build())
}
