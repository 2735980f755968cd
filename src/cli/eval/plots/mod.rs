//! What was measured as pictures: SVG documents on a white card, so that they can be read on any page.
//!
//! scores.svg: methods by group with intervals. tasks.svg: each task's score. vectors.svg and adapters.svg: the plane in
//! which the training tasks' vectors, or their generated adapters, differ most, with the held-out tasks in it.

mod map;
mod plane;
mod scores;
mod tasks;

use super::figures::Figures;
use super::recorded::Recorded;
use crate::suite::{Half, Suite};
use crate::training::comparison::{Comparison, Group, TaskScores};
use anyhow::Context;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
const PALE: RGBColor = RGBColor(0xdd, 0xe1, 0xe6);
const GREY: RGBColor = RGBColor(0x8a, 0x92, 0x9b);
const BLUE: RGBColor = RGBColor(0x08, 0x4f, 0xa8);
const ORANGE: RGBColor = RGBColor(0xd9, 0x6b, 0x10);
const FONT: &str = "sans-serif";

/// What is drawn.
pub(super) struct Drawn<'a> {
    pub(super) groups: &'a [(Group, Vec<TaskScores>)],
    pub(super) figures: &'a Figures,
    pub(super) recorded: &'a Recorded,
}

/// Writes all pictures into a folder, which is made where it is not there.
///
/// # Errors
/// Those of the disk, of the drawing library, of base and generator.
pub(super) fn write(
    dir: &Path,
    drawn: &Drawn<'_>,
    comparison: &Comparison<'_>,
    (suite, half): (&Suite, Half),
) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let maps = map::maps(comparison, (suite, half))?;
    for (name, svg) in [
        ("scores.svg", scores::svg(drawn.figures)?),
        ("tasks.svg", tasks::svg(drawn.groups, drawn.recorded)?),
        ("vectors.svg", map::svg("The training tasks' vectors", &maps.vectors)?),
        ("adapters.svg", map::svg("Generated adapters (B, flattened)", &maps.adapters)?),
    ] {
        let path = dir.join(name);
        std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A document of this size that `draw` fills.
fn document((width, height): (u32, u32), draw: impl Fn(&Area<'_>) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        area.fill(&WHITE).context("cannot draw")?;
        draw(&area)?;
        area.present().context("cannot draw")?;
    }
    Ok(text)
}

/// How a word is written.
#[derive(Clone, Copy)]
struct Type {
    size: i32,
    color: RGBColor,
    side: HPos,
}

const TITLE: Type = Type { size: 18, color: INK, side: HPos::Left };
const LABEL: Type = Type { size: 13, color: INK, side: HPos::Left };

impl Type {
    const fn from(self, side: HPos) -> Self {
        Self { side, ..self }
    }
}

/// Writes a text, its middle at the height of `at`.
fn write_text(area: &Area<'_>, text: impl Into<String>, at: (i32, i32), kind: Type) -> anyhow::Result<()> {
    let style = (FONT, kind.size).into_font().color(&kind.color).pos(Pos::new(kind.side, VPos::Center));
    area.draw(&Text::new(text.into(), at, style)).context("cannot draw")
}

fn line(area: &Area<'_>, from: (i32, i32), to: (i32, i32), style: impl Into<ShapeStyle>) -> anyhow::Result<()> {
    area.draw(&PathElement::new(vec![from, to], style)).context("cannot draw")
}

/// Where a share from 0 to 1 lies between two places.
fn between((left, right): (i32, i32), share: f64) -> i32 {
    left + (f64::from(right - left) * share.clamp(0.0, 1.0)).round() as i32
}

#[cfg(test)]
mod tests;
