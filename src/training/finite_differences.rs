//! Gradients against central differences, for trainers' tests.

use candle_core::{Tensor, Var};

/// Moves `var` along its gradient both ways: the loss must rise at the rate of the gradient's length.
/// One direction checks all coordinates at once, and the steepest has the least relative noise.
pub(super) fn check_direction(name: &str, var: &Var, grad: &Tensor, value: impl Fn() -> f64) {
    let flat = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("f32");
    let (old, slope) = (flat(var), flat(grad));
    let length = slope.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    assert!(length > 1e-7, "{name}: the gradient is zero");
    // About as long a step as keeps rounding, curvature and the kinks of leaky units small.
    let step = (5e-4 / length).clamp(1e-4, 2e-3);
    let at = |sign: f64| {
        let moved = old.iter().zip(&slope).map(|(x, g)| x + (sign * step * f64::from(*g) / length) as f32).collect();
        var.set(&Tensor::from_vec::<_, f32>(moved, var.shape(), var.device()).expect("shape")).expect("set");
        value()
    };
    let (up, down) = (at(1.0), at(-1.0));
    let measured = (up - down) / (2.0 * step);
    var.set(&Tensor::from_vec(old, var.shape(), var.device()).expect("shape")).expect("set");
    let difference = (measured - length).abs();
    assert!(
        difference < 0.05 * length + 2e-4,
        "{name}: differences say {measured} ({up} and {down}), backward says {length}"
    );
}
