//! The plane in which points of many coordinates differ most.

use crate::generator::principal_components;

/// Points in the plane.
#[derive(Clone, Debug, Default)]
pub(super) struct Plane {
    /// Those that the plane was found from.
    pub(super) fitted: Vec<[f64; 2]>,
    /// Others, projected into it.
    pub(super) others: Vec<[f64; 2]>,
    /// The share of the fitted points' variance along each axis.
    pub(super) shares: [f64; 2],
}

impl Plane {
    /// Projects onto the two leading principal components of `fitted`.
    pub(super) fn of(mut fitted: Vec<Vec<f32>>, mut others: Vec<Vec<f32>>) -> Self {
        let width = fitted.first().map_or(0, Vec::len);
        if width == 0 {
            return Self::default();
        }
        let mut mean = vec![0.0f32; width];
        for row in &fitted {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / fitted.len() as f32);
        }
        let centre = |row: &mut Vec<f32>| row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        fitted.iter_mut().for_each(centre);
        others.iter_mut().for_each(centre);
        let axes = principal_components(&fitted, 2);
        let (one, two) = axes.split_at(width);
        // An axis is as long as the points' standard deviation along it.
        let lengths = [one, two].map(|axis| dot(axis, axis).sqrt());
        let place = |row: &Vec<f32>| {
            let along = |axis: &[f32], length: f64| if length > 0.0 { dot(row, axis) / length } else { 0.0 };
            [along(one, lengths[0]), along(two, lengths[1])]
        };
        let variance = fitted.iter().map(|row| dot(row, row)).sum::<f64>() / fitted.len() as f64;
        Self {
            fitted: fitted.iter().map(place).collect(),
            others: others.iter().map(place).collect(),
            shares: lengths.map(|length| if variance > 0.0 { length * length / variance } else { 0.0 }),
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_plane_keep_their_distances_and_others_are_projected() {
        // In the plane of the coordinates 0 and 2 of four.
        let points = [(3.0, 0.5), (-3.0, -0.5), (2.0, -1.0), (-2.0, 1.0f32)];
        let row = |(x, y): (f32, f32)| vec![x, 7.0, y, 0.0];
        let plane = Plane::of(points.map(row).into(), vec![vec![3.0, 9.0, 0.5, 5.0]]);
        let far = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        for i in 0..4 {
            for j in 0..4 {
                let (a, b) = (points[i], points[j]);
                let expected = f64::from((a.0 - b.0).hypot(a.1 - b.1));
                assert!((far(plane.fitted[i], plane.fitted[j]) - expected).abs() < 1e-5);
            }
        }
        assert!(far(plane.others[0], plane.fitted[0]) < 1e-5);
        assert!((plane.shares[0] + plane.shares[1] - 1.0).abs() < 1e-6 && plane.shares[0] > plane.shares[1]);
    }

    #[test]
    fn no_points_and_equal_points_are_no_error() {
        assert!(Plane::of(Vec::new(), Vec::new()).fitted.is_empty());
        assert_eq!(Plane::of(vec![vec![1.0, 2.0]; 3], Vec::new()).fitted, [[0.0, 0.0]; 3]);
    }
}
