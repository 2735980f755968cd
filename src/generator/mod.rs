//! The generator: a conditional variational autoencoder from a condition to the B of an adapter.
//!
//! It knows no language model: its condition is plain numbers. Letters: B rows of a batch, C width
//! of what is read of a condition, Z latent width, S slots, W width of a slot's token, K size of a slot's basis,
//! L coordinates of all B.
//!
//! prior p(z | c), encoder q(z | B, c), decoder (c, z) → B. The decoder writes one token for each
//! slot (from layer and module embeddings and the condition), and each token mixes its slot's
//! basis, which begins as the principal components of the training adapters and learns on.

mod basis;
mod blend;
mod checkpoint;
mod condition;
mod confidence;
mod config;
mod error;
mod gaussian;
mod icm_conv;
mod judge;
mod memory;
mod nets;
mod normaliser;
mod pooling;
mod slot_decoder;

pub use basis::principal_components;
pub use blend::{BLENDED, blend_weights};
pub use checkpoint::{Draw, GeneratorFile, Parts};
pub use condition::{Conditions, Scale, Standardiser};
pub use confidence::{Answer, Calibration, Confidence, Curves, Evidence, Nearest, Trial};
pub use config::{Arch, GeneratorConfig, SlotSizes};
pub use error::Error;
pub use gaussian::{Gaussian, kl_per_unit};
pub use judge::Judge;
pub use memory::{Described, Memory, TaskVector};
pub use nets::Cvae;
pub use normaliser::Normaliser;
