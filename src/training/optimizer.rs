//! Optimisers whose state can be saved: AdamW (Loshchilov and Hutter 2019), and Muon (Jordan et al.
//! 2024) for the matrices of the base's layers, which needs about half of AdamW's steps there.

use super::{Error, Workers};
use candle_core::backprop::GradStore;
use candle_core::{D, Tensor, Var};
use std::collections::HashMap;

/// How one variable is moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// AdamW with this weight decay. The rate is multiplied by `rate_scale`.
    AdamW {
        /// Fraction of the weight that a step of rate 1 takes away.
        decay: f64,
        /// The variable's rate relative to the schedule's.
        rate_scale: f64,
    },
    /// Muon: the momentum, orthogonalised. The rate is multiplied by `rate_scale`.
    Muon {
        /// Muon's rate relative to the schedule's.
        rate_scale: f64,
    },
}

struct Slot {
    name: String,
    var: Var,
    rule: Rule,
    first: Tensor,
    second: Option<Tensor>,
}

/// An optimiser over named variables.
pub struct Optimizer {
    slots: Vec<Slot>,
    step: usize,
    beta1: f64,
    beta2: f64,
}

impl Optimizer {
    /// An optimiser for these variables, its state at zero.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(vars: Vec<(String, Var, Rule)>) -> Result<Self, Error> {
        let slot = |(name, var, rule): (String, Var, Rule)| -> candle_core::Result<Slot> {
            let first = var.zeros_like()?;
            let second = matches!(rule, Rule::AdamW { .. }).then(|| var.zeros_like()).transpose()?;
            Ok(Slot { name, var, rule, first, second })
        };
        Ok(Self { slots: vars.into_iter().map(slot).collect::<Result<_, _>>()?, step: 0, beta1: 0.9, beta2: 0.99 })
    }

    /// The gradients of the variables, in their order, out of one backward pass.
    pub fn collect(&self, grads: &GradStore) -> Vec<Option<Tensor>> {
        self.slots.iter().map(|slot| grads.get(&slot.var).cloned()).collect()
    }

    /// Moves every variable that has a gradient. Gradients longer than `clip` all together are
    /// shortened to it. Gives their length before.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn step(&mut self, grads: Vec<Option<Tensor>>, rate: f64, clip: f64, workers: &Workers) -> Result<f64, Error> {
        let mut squares = 0.0;
        for grad in grads.iter().flatten() {
            squares += f64::from(grad.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        let norm = squares.sqrt();
        let factor = if norm > clip { clip / norm } else { 1.0 };
        self.step += 1;
        let (beta1, beta2, step) = (self.beta1, self.beta2, self.step as i32);
        let work: Vec<_> = self.slots.iter_mut().zip(grads).filter_map(|(slot, grad)| Some((slot, grad?))).collect();
        let moved = workers.map(work, |(slot, grad)| -> candle_core::Result<()> {
            match slot.rule {
                Rule::AdamW { decay, rate_scale } => {
                    slot.adamw(&(grad * factor)?, rate * rate_scale, decay, (beta1, beta2, step))
                }
                Rule::Muon { rate_scale } => slot.muon(&(grad * factor)?, rate * rate_scale),
            }
        });
        moved.into_iter().collect::<candle_core::Result<()>>()?;
        Ok(norm)
    }

    /// The state by name, for a checkpoint.
    pub fn state(&self) -> HashMap<String, Tensor> {
        let mut state = HashMap::new();
        for slot in &self.slots {
            state.insert(format!("optimizer.first.{}", slot.name), slot.first.clone());
            if let Some(second) = &slot.second {
                state.insert(format!("optimizer.second.{}", slot.name), second.clone());
            }
        }
        state
    }

    /// Takes up the state of a checkpoint at its step.
    ///
    /// # Errors
    /// Where a tensor is missing.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>, step: usize) -> Result<(), Error> {
        let get = |kind: &str, name: &str| {
            let key = format!("optimizer.{kind}.{name}");
            state.get(&key).cloned().ok_or_else(|| candle_core::Error::Msg(format!("the checkpoint lacks {key}")))
        };
        for slot in &mut self.slots {
            slot.first = get("first", &slot.name)?;
            if slot.second.is_some() {
                slot.second = Some(get("second", &slot.name)?);
            }
        }
        self.step = step;
        Ok(())
    }
}

impl Slot {
    fn adamw(
        &mut self,
        grad: &Tensor,
        rate: f64,
        decay: f64,
        (beta1, beta2, step): (f64, f64, i32),
    ) -> candle_core::Result<()> {
        self.first = ((&self.first * beta1)? + (grad * (1.0 - beta1))?)?.detach();
        let second = match &self.second {
            Some(second) => ((second * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?.detach(),
            None => grad.sqr()?.detach(),
        };
        let spread = ((&second / (1.0 - beta2.powi(step)))?.sqrt()? + 1e-8)?;
        let change = (&self.first / (1.0 - beta1.powi(step)))?.div(&spread)?;
        self.second = Some(second);
        self.var.set(&((self.var.as_detached_tensor() * (1.0 - rate * decay))? - (change * rate)?)?)
    }

    fn muon(&mut self, grad: &Tensor, rate: f64) -> candle_core::Result<()> {
        const MOMENTUM: f64 = 0.95;
        self.first = ((&self.first * MOMENTUM)? + grad)?.detach();
        let change = orthogonalised(&(grad + (&self.first * MOMENTUM)?)?)?;
        let (out, width) = change.dims2()?;
        let scale = (out as f64 / width as f64).max(1.0).sqrt();
        self.var.set(&((self.var.as_detached_tensor() * (1.0 - rate * 0.01))? - (change * (rate * scale))?)?)
    }
}

/// The nearest semi-orthogonal matrix, roughly: five Newton–Schulz steps with Jordan's coefficients.
fn orthogonalised(matrix: &Tensor) -> candle_core::Result<Tensor> {
    let (rows, cols) = matrix.dims2()?;
    let tall = rows > cols;
    let mut x = if tall { matrix.t()?.contiguous()? } else { matrix.clone() };
    let norm = x.sqr()?.sum_keepdim(D::Minus1)?.sum_keepdim(0)?.sqrt()?;
    x = x.broadcast_div(&(norm + 1e-7)?)?;
    for _ in 0..5 {
        let square = x.matmul(&x.t()?)?;
        let poly = ((&square * -4.775)? + (square.matmul(&square)? * 2.0315)?)?;
        x = ((&x * 3.4445)? + poly.matmul(&x)?)?;
    }
    if tall { x.t()?.contiguous() } else { Ok(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;
    use candle_core::Device;

    fn quadratic(rule: Rule, rate: f64) -> f32 {
        let mut noise = Noise::seeded(1);
        let goal = Tensor::from_vec(noise.normals(24), (6, 4), &Device::Cpu).expect("shape");
        let var = Var::zeros((6, 4), candle_core::DType::F32, &Device::Cpu).expect("zeros");
        let workers = Workers::new(1).expect("a thread");
        let mut optimizer = Optimizer::new(vec![("x".into(), var.clone(), rule)]).expect("state");
        let loss = || (var.as_tensor() - &goal).and_then(|d| d.sqr()?.sum_all()).expect("loss");
        for step in 0..400 {
            let grads = loss().backward().expect("backward");
            let rate = rate * (1.0 - step as f64 / 400.0);
            optimizer.step(optimizer.collect(&grads), rate, 1e9, &workers).expect("step");
        }
        loss().to_scalar().expect("scalar")
    }

    #[test]
    fn both_rules_reach_the_bottom_of_a_bowl() {
        assert!(quadratic(Rule::AdamW { decay: 0.0, rate_scale: 1.0 }, 0.1) < 1e-3);
        assert!(quadratic(Rule::Muon { rate_scale: 1.0 }, 0.1) < 1e-2);
    }

    #[test]
    fn adamw_takes_the_steps_of_pytorch() {
        // torch.optim.AdamW([x], lr=0.1, betas=(0.9, 0.99), weight_decay=0.1), x = 1, loss x², two steps.
        let var = Var::new(&[1f32], &Device::Cpu).expect("var");
        let mut optimizer =
            Optimizer::new(vec![("x".into(), var.clone(), Rule::AdamW { decay: 0.1, rate_scale: 1.0 })])
                .expect("state");
        let workers = Workers::new(1).expect("a thread");
        let mut seen = Vec::new();
        for _ in 0..2 {
            let grads = var.sqr().and_then(|l| l.sum_all()).expect("loss").backward().expect("backward");
            optimizer.step(optimizer.collect(&grads), 0.1, 1e9, &workers).expect("step");
            seen.push(var.to_vec1::<f32>().expect("f32")[0]);
        }
        for (value, expected) in seen.iter().zip([0.89, 0.781_545_7]) {
            assert!((value - expected).abs() < 2e-6, "{seen:?}");
        }
    }
}
