//! Training tasks in the plane in which they differ most, coloured by family, with the held-out tasks marked.

use super::plane::Plane;
use super::{Area, GREY, INK, LABEL, PALE, TITLE, Type, document, line, write_text};
use crate::generator::{Draw, Error as GeneratorError};
use crate::suite::{Half, Suite, SuiteTask};
use crate::training::Error;
use crate::training::comparison::{Comparison, Group};
use crate::training::progress::Report;
use anyhow::Context;
use plotters::prelude::*;
use plotters::style::RGBAColor;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Training tasks that are drawn: all of them would be a cloud.
const DRAWN: usize = 300;
const SIDE: i32 = 720;
const LEGEND: i32 = 230;
const TOP: i32 = 60;
const MARGIN: i32 = 24;

/// A map's points.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub(super) plane: Plane,
    /// By fitted point.
    pub(super) families: Vec<String>,
    /// By other point.
    pub(super) held_out: Vec<(Group, String)>,
}

/// Both maps.
pub(super) struct Maps {
    pub(super) vectors: Map,
    pub(super) adapters: Map,
}

/// A task's vector and its generated adapter.
struct Made {
    vector: Vec<f32>,
    adapter: Vec<f32>,
}

/// Makes vectors and adapters of a sample of the training tasks and of the held-out tasks.
///
/// # Errors
/// Those of base and generator.
pub(super) fn maps(comparison: &Comparison<'_>, (suite, half): (&Suite, Half)) -> Result<Maps, Error> {
    let training = suite.sample(DRAWN);
    let mut held_out: Vec<(Group, &SuiteTask)> = Vec::new();
    for group in [Group::HeldOutCompositions, Group::HeldOutFamilies] {
        held_out.extend(comparison.tasks(group, suite, half).into_iter().map(|task| (group, task)));
    }
    let all: Vec<&SuiteTask> = training.iter().copied().chain(held_out.iter().map(|(_, task)| *task)).collect();
    let remembered: HashMap<&str, &[f32]> =
        comparison.generator.tasks().iter().map(|task| (task.name.as_str(), task.vector.as_slice())).collect();
    let (done, total) = (AtomicUsize::new(0), all.len());
    let made = comparison.workers.map(all, |task| -> Result<Made, Error> {
        let condition = comparison.conditions(&task.descriptions[..1])?.swap_remove(0);
        let adapter = comparison.generator.generate(&condition, Draw::Mean)?;
        let step = done.fetch_add(1, Ordering::Relaxed) + 1;
        comparison.progress.report(&Report { phase: "maps", step, total, metrics: &[] });
        let along = || comparison.generator.memory().along(&condition);
        Ok(Made {
            vector: remembered.get(task.name.as_str()).map_or_else(along, |vector| vector.to_vec()),
            adapter: adapter.flat_b().map_err(GeneratorError::from)?,
        })
    });
    let made = made.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (vectors, adapters): (Vec<_>, Vec<_>) = made.into_iter().map(|made| (made.vector, made.adapter)).unzip();
    let map = |mut fitted: Vec<Vec<f32>>| {
        let others = fitted.split_off(training.len());
        Map {
            plane: Plane::of(fitted, others),
            families: training.iter().map(|task| task.family.clone()).collect(),
            held_out: held_out.iter().map(|(group, task)| (*group, task.name.clone())).collect(),
        }
    };
    Ok(Maps { vectors: map(vectors), adapters: map(adapters) })
}

/// Draws a map.
///
/// # Errors
/// Those of the drawing library.
pub(super) fn svg(title: &str, map: &Map) -> anyhow::Result<String> {
    let mut families: Vec<&str> = map.families.iter().map(String::as_str).collect();
    families.sort_unstable();
    families.dedup();
    let (width, height) = (SIDE + LEGEND + 2 * MARGIN, TOP + SIDE + MARGIN);
    document((width as u32, height as u32), |area| {
        let [one, two] = map.plane.shares.map(|share| share * 100.0);
        let title =
            format!("{title}: the two leading principal components ({one:.0} % and {two:.0} % of the variance)");
        write_text(area, title, (MARGIN, 28), TITLE)?;
        let scale = Scale::of(&map.plane);
        for (from, to) in [((0, 0), (1, 0)), ((0, 1), (1, 1)), ((0, 0), (0, 1)), ((1, 0), (1, 1))] {
            let corner = |(x, y): (i32, i32)| (MARGIN + x * SIDE, TOP + y * SIDE);
            line(area, corner(from), corner(to), PALE)?;
        }
        for (point, family) in map.plane.fitted.iter().zip(&map.families) {
            let place = families.iter().position(|name| name == family).unwrap_or(0);
            let dot = Circle::new(scale.place(*point), 4, color(place, families.len()).filled());
            area.draw(&dot).context("cannot draw")?;
        }
        for (point, (group, _)) in map.plane.others.iter().zip(&map.held_out) {
            held_out_mark(area, scale.place(*point), *group)?;
        }
        legend(area, &families)
    })
}

/// From the plane to the picture, one scale for both axes.
struct Scale {
    middle: [f64; 2],
    half: f64,
}

impl Scale {
    fn of(plane: &Plane) -> Self {
        let ends = |axis: usize| {
            let values = plane.fitted.iter().chain(&plane.others).map(|point| point[axis]);
            values.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)))
        };
        let (x, y) = (ends(0), ends(1));
        let half = ((x.1 - x.0).max(y.1 - y.0) / 2.0 * 1.04).max(1e-9);
        Self { middle: [(x.0 + x.1) / 2.0, (y.0 + y.1) / 2.0], half }
    }

    fn place(&self, point: [f64; 2]) -> (i32, i32) {
        let share = |axis: usize| (point[axis] - self.middle[axis]) / self.half / 2.0;
        let at = |share: f64| (f64::from(SIDE) * share).round() as i32;
        (MARGIN + at(0.5 + share(0)), TOP + at(0.5 - share(1)))
    }
}

/// Hues around the circle, every other one darker.
fn color(place: usize, count: usize) -> RGBAColor {
    let hue = place as f64 / count.max(1) as f64;
    let lightness = if place.is_multiple_of(2) { 0.45 } else { 0.62 };
    let (r, g, b) = HSLColor(hue, 0.65, lightness).rgb();
    RGBAColor(r, g, b, 0.8)
}

/// A cross for a composition, a diamond for a family.
fn held_out_mark(area: &Area<'_>, (x, y): (i32, i32), group: Group) -> anyhow::Result<()> {
    let style = INK.stroke_width(2);
    if group == Group::HeldOutCompositions {
        line(area, (x - 4, y - 4), (x + 4, y + 4), style)?;
        return line(area, (x - 4, y + 4), (x + 4, y - 4), style);
    }
    let corners = vec![(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y), (x, y - 6)];
    area.draw(&PathElement::new(corners, style)).context("cannot draw")
}

fn legend(area: &Area<'_>, families: &[&str]) -> anyhow::Result<()> {
    let left = MARGIN + SIDE + 24;
    let mut y = TOP + 10;
    for (name, group) in
        [("held-out composition", Group::HeldOutCompositions), ("task of a held-out family", Group::HeldOutFamilies)]
    {
        held_out_mark(area, (left, y), group)?;
        write_text(area, name, (left + 14, y), LABEL)?;
        y += 20;
    }
    write_text(area, "training tasks by family:", (left - 6, y + 8), Type { color: GREY, ..LABEL })?;
    y += 30;
    for (place, family) in families.iter().enumerate() {
        area.draw(&Circle::new((left, y), 4, color(place, families.len()).filled())).context("cannot draw")?;
        write_text(area, *family, (left + 14, y), LABEL)?;
        y += 20;
    }
    Ok(())
}
