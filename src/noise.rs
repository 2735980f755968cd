//! Seeded randomness. Every random choice of attune comes from here, so that a seed repeats a run
//! on any machine: candle's own CPU generator cannot be seeded.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Bytes that nobody can guess, from the system: the one kind of randomness that no seed repeats.
///
/// # Errors
/// Where the system gives none.
pub fn unguessable<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A seeded stream of random numbers (ChaCha8).
///
/// ```
/// use attune::noise::Noise;
/// let (mut a, mut b) = (Noise::stream(7, "basis"), Noise::stream(7, "basis"));
/// assert_eq!(a.normals(4), b.normals(4));
/// assert_ne!(Noise::stream(7, "other").normals(4), Noise::stream(7, "basis").normals(4));
/// ```
#[derive(Clone, Debug)]
pub struct Noise {
    rng: ChaCha8Rng,
    /// Box–Muller makes normals in pairs; the second waits here.
    spare: Option<f32>,
}

impl Noise {
    /// The stream of this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), spare: None }
    }

    /// The stream of this seed and label, independent of the seed's other labels.
    pub fn stream(seed: u64, label: &str) -> Self {
        Self::seeded(seed ^ fnv1a(label.as_bytes()))
    }

    /// A uniform 64-bit number.
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A uniform number below `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A uniform number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.unit();
        self.spare = Some((radius * angle.sin()) as f32);
        (radius * angle.cos()) as f32
    }

    /// `count` standard normal numbers.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.normal()).collect()
    }

    /// One of the items.
    ///
    /// # Panics
    /// Where `items` is empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Puts the items in random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// A stable 64-bit hash (FNV-1a), for labels and splits, never for security.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
