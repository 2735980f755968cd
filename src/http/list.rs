//! Lists, as every route shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Page;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T: ToSchema> {
    /// The rows.
    pub(crate) data: Vec<T>,
    /// Where the next page begins; null on the last one.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl<R, T: From<R> + ToSchema> From<Page<R>> for List<T> {
    fn from(page: Page<R>) -> Self {
        Self { data: page.data.into_iter().map(T::from).collect(), next_cursor: page.next_cursor }
    }
}
