//! What a generator remembers of its training tasks: each one's condition, averaged over its
//! descriptions, along the leading directions in which the tasks differ, and one of the descriptions. Answers name
//! the nearest of them, and a generator that grows from this one is held to what this one makes of them.
//!
//! Letters: N tasks, P directions, C width of a condition.

use super::{Nearest, principal_components};

/// A training task's condition along the directions.
#[derive(Clone, Debug)]
pub struct TaskVector {
    /// Its name.
    pub name: String,
    /// `[P]`
    pub vector: Vec<f32>,
    /// One of its descriptions; empty in files of an older form.
    pub description: String,
}

impl TaskVector {
    /// Where it stands on a map: along the two directions in which the tasks differ most.
    pub fn position(&self) -> [f32; 2] {
        position(&self.vector)
    }
}

/// A task to remember.
#[derive(Clone, Debug)]
pub struct Described<'a> {
    /// Its name.
    pub name: &'a str,
    /// One of its descriptions.
    pub description: &'a str,
    /// The standardised conditions of its descriptions, `[C]` each.
    pub conditions: Vec<&'a [f32]>,
}

/// The training tasks.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// P orthonormal rows of C numbers.
    pub axes: Vec<Vec<f32>>,
    /// The tasks.
    pub tasks: Vec<TaskVector>,
    /// How many of them, the last ones, were taught by growing since the confidence was fitted: the base may do them wrong
    /// whatever it is told.
    pub taught: usize,
    /// How far a single description is from its task's mean, for each of the C numbers: a standard deviation.
    pub within: Vec<f32>,
}

/// P at most.
const DIRECTIONS: usize = 24;
/// The directions are found from as many tasks at most.
const SAMPLED: usize = 400;

impl Memory {
    /// Remembers tasks.
    pub fn of_tasks(tasks: &[Described<'_>]) -> Self {
        let mut means: Vec<(&Described<'_>, Vec<f32>)> = Vec::new();
        let (mut squares, mut count) = (Vec::new(), 0usize);
        for task in tasks {
            let mean = mean(&task.conditions);
            squares.resize(mean.len(), 0.0f64);
            for condition in &task.conditions {
                count += 1;
                for ((sum, x), m) in squares.iter_mut().zip(*condition).zip(&mean) {
                    *sum += f64::from(x - m).powi(2);
                }
            }
            means.push((task, mean));
        }
        let within = squares.iter().map(|sum| (sum / count.max(1) as f64).sqrt() as f32).collect();
        let stride = means.len().div_ceil(SAMPLED).max(1);
        let sample: Vec<Vec<f32>> = means.iter().step_by(stride).map(|(_, mean)| mean.clone()).collect();
        let axes = directions(&sample);
        let vector = |(task, mean): &(&Described<'_>, Vec<f32>)| TaskVector {
            name: task.name.to_owned(),
            vector: axes.iter().map(|axis| dot(axis, mean)).collect(),
            description: task.description.to_owned(),
        };
        Self { tasks: means.iter().map(vector).collect(), taught: 0, axes, within }
    }

    /// These tasks besides the ones remembered; a task that is already known is replaced.
    #[must_use]
    pub fn with(mut self, tasks: &[Described<'_>]) -> Self {
        for task in tasks {
            let vector = self.along(&mean(&task.conditions));
            let first = self.tasks.len() - self.taught;
            if let Some(at) = self.tasks.iter().position(|known| known.name == task.name) {
                self.tasks.remove(at);
                self.taught -= usize::from(at >= first);
            }
            let (name, description) = (task.name.to_owned(), task.description.to_owned());
            self.tasks.push(TaskVector { name, vector, description });
            self.taught += 1;
        }
        self
    }

    /// Whether the task of this name was taught by growing.
    pub fn is_taught(&self, name: &str) -> bool {
        self.tasks[self.tasks.len() - self.taught..].iter().any(|task| task.name == name)
    }

    /// A standardised condition along the directions, `[P]`; what tokens say is passed over.
    pub fn along(&self, condition: &[f32]) -> Vec<f32> {
        self.axes.iter().map(|axis| dot(axis, condition)).collect()
    }

    /// Where a standardised condition stands among the tasks' [`TaskVector::position`]s.
    pub fn position(&self, condition: &[f32]) -> [f32; 2] {
        position(&self.along(condition))
    }

    /// The tasks nearest to a standardised condition of those that are wanted, nearest first and `most` at most.
    pub fn nearest(&self, condition: &[f32], most: usize, wanted: impl Fn(&TaskVector) -> bool) -> Vec<Nearest> {
        let vector = self.along(condition);
        let near = |task: &TaskVector| Nearest { name: task.name.clone(), similarity: cosine(&vector, &task.vector) };
        let mut nearest: Vec<Nearest> = self.tasks.iter().filter(|task| wanted(task)).map(near).collect();
        nearest.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.name.cmp(&b.name)));
        nearest.truncate(most);
        nearest
    }

    /// The condition of a remembered task, `[C]`, as far as the directions hold it.
    pub fn condition(&self, task: &TaskVector) -> Vec<f32> {
        let mut condition = vec![0.0; self.within.len()];
        for (axis, x) in self.axes.iter().zip(&task.vector) {
            condition.iter_mut().zip(axis).for_each(|(c, a)| *c += x * a);
        }
        condition
    }
}

/// The first two numbers along the directions, which are in the order of what they tell; 0 where there are fewer.
fn position(vector: &[f32]) -> [f32; 2] {
    [0, 1].map(|direction| vector.get(direction).copied().unwrap_or(0.0))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

fn mean(conditions: &[&[f32]]) -> Vec<f32> {
    let mut mean = vec![0.0; conditions.first().map_or(0, |c| c.len())];
    for condition in conditions {
        mean.iter_mut().zip(*condition).for_each(|(m, x)| *m += x / conditions.len() as f32);
    }
    mean
}

/// Orthonormal rows that span where the conditions differ most from 0, the mean of all.
fn directions(conditions: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let width = conditions.first().map_or(0, Vec::len);
    let components = principal_components(conditions, DIRECTIONS.min(conditions.len()).min(width));
    let unit = |component: &[f32]| {
        let length = dot(component, component).sqrt();
        (length > 0.0).then(|| component.iter().map(|x| x / length).collect())
    };
    components.chunks(width.max(1)).filter_map(unit).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    #[test]
    fn a_remembered_condition_comes_back_along_the_directions() {
        let mut noise = Noise::seeded(3);
        let tasks: Vec<(String, Vec<Vec<f32>>)> = (0..6)
            .map(|i| {
                let centre = noise.normals(20);
                let near = |noise: &mut Noise| centre.iter().map(|x| x + 0.1 * noise.normal()).collect();
                (format!("task {i}"), (0..40).map(|_| near(&mut noise)).collect())
            })
            .collect();
        let described = |name, task: usize| Described {
            name,
            description: "",
            conditions: tasks[task].1.iter().map(Vec::as_slice).collect(),
        };
        let all: Vec<Described<'_>> = (0..6).map(|i| described(tasks[i].0.as_str(), i)).collect();
        let memory = Memory::of_tasks(&all);
        assert!(memory.within.iter().all(|x| (0.05..0.15).contains(x)), "{:?}", memory.within);
        for (task, (_, conditions)) in memory.tasks.iter().zip(&tasks) {
            let back = memory.condition(task);
            let conditions: Vec<&[f32]> = conditions.iter().map(Vec::as_slice).collect();
            let far = mean(&conditions).iter().zip(&back).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            assert!(far < 1e-3, "{far}");
        }
        let more = memory.with(&[described("task 2", 0)]);
        assert_eq!((more.tasks.len(), more.taught), (6, 1));
        assert!(more.is_taught("task 2") && !more.is_taught("task 1"));
        assert_eq!(more.clone().with(&[described("task 2", 0), described("task 1", 0)]).taught, 2);
        assert_eq!(more.tasks[5].vector, more.tasks[0].vector);
    }
}
