//! A generator's training tasks on a plane.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /generators/{id}/map`: what the generator was trained on, along the two directions in which its tasks' vectors
/// differ most.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GeneratorMap {
    /// The generator's id.
    pub generator: String,
    /// Its tasks, in the order in which it learned them.
    pub tasks: Vec<MappedTask>,
}

/// A training task of a generator.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MappedTask {
    /// Its name.
    pub name: String,
    /// One of its descriptions, where the generator keeps it.
    pub description: Option<String>,
    /// Where it stands.
    pub position: [f32; 2],
    /// Whether it was taught by growing, after the generator's first training.
    pub taught: bool,
}
