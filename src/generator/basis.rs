//! Principal components by the Gram matrix: there are far fewer adapters than coordinates.

use nalgebra::{DMatrix, SymmetricEigen};

/// The `count` leading principal directions of centred `rows`, each scaled by its standard
/// deviation, so that the rows' coefficients have variance 1; directions beyond the data's rank
/// are zero. Row-major `[count, width]`.
pub fn principal_components(rows: &[Vec<f32>], count: usize) -> Vec<f32> {
    let samples = rows.len();
    let width = rows.first().map_or(0, Vec::len);
    let mut components = vec![0.0; count * width];
    if samples == 0 {
        return components;
    }
    let gram = DMatrix::from_fn(samples, samples, |i, j| {
        if j < i { 0.0 } else { rows[i].iter().zip(&rows[j]).map(|(a, b)| f64::from(a * b)).sum::<f64>() }
    });
    let gram = DMatrix::from_fn(samples, samples, |i, j| if j < i { gram[(j, i)] } else { gram[(i, j)] });
    let eigen = SymmetricEigen::new(gram);
    let mut order: Vec<usize> = (0..samples).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let largest = eigen.eigenvalues[order[0]];
    for (k, index) in order.into_iter().take(count).enumerate() {
        let value = eigen.eigenvalues[index];
        // Products of f32 rows carry rounding of about 1e-7: a smaller direction would be noise, and
        // coefficients along it enormous.
        if value <= largest * 1e-5 {
            break;
        }
        // X = U·S·Vᵀ, so row k of V is uₖᵀ·X / sₖ; scaled by sₖ / √n that is uₖᵀ·X / √n.
        let factor = 1.0 / (samples as f64).sqrt();
        let out = &mut components[k * width..(k + 1) * width];
        for (i, row) in rows.iter().enumerate() {
            let weight = (eigen.eigenvectors[(i, index)] * factor) as f32;
            out.iter_mut().zip(row).for_each(|(o, x)| *o += weight * x);
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    #[test]
    fn the_components_of_data_on_a_plane_span_it() {
        let mut noise = Noise::seeded(2);
        let axes = [noise.normals(12), noise.normals(12)];
        let rows: Vec<Vec<f32>> = (0..30)
            .map(|_| {
                let (a, b) = (3.0 * noise.normal(), noise.normal());
                axes[0].iter().zip(&axes[1]).map(|(x, y)| a * x + b * y).collect()
            })
            .collect();
        let parts = principal_components(&rows, 4);
        assert!(parts[24..].iter().all(|x| x.abs() < 1e-3), "the data has two directions");
        for row in &rows {
            let mut rest = row.clone();
            for part in parts[..24].chunks(12) {
                let length: f32 = part.iter().map(|x| x * x).sum();
                let dot: f32 = rest.iter().zip(part).map(|(a, b)| a * b).sum();
                rest.iter_mut().zip(part).for_each(|(r, p)| *r -= p * dot / length);
            }
            assert!(rest.iter().all(|x| x.abs() < 1e-2), "{rest:?}");
        }
    }
}
