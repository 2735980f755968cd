//! Methods by group with intervals: a row a method, a panel a group.

use super::{Area, BLUE, GREY, INK, LABEL, PALE, TITLE, Type, between, document, line, write_text};
use crate::cli::eval::figures::{Column, Figure, Figures};
use anyhow::Context;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

const NAMES: i32 = 250;
const PANEL: i32 = 200;
const GAP: i32 = 24;
const TOP: i32 = 84;
const ROW: i32 = 24;

pub(super) fn svg(figures: &Figures) -> anyhow::Result<String> {
    let columns: Vec<&Column> = figures.columns.iter().chain(&figures.templates).collect();
    let names: Vec<&str> =
        figures.columns.first().map_or_else(Vec::new, |c| c.methods.iter().map(|(name, _)| name.as_str()).collect());
    let width = NAMES + (PANEL + GAP) * columns.len() as i32 + GAP;
    let height = TOP + ROW * names.len() as i32 + 50;
    document((width as u32, height as u32), |area| {
        write_text(area, "Exact match by method and group, with 95 % intervals over tasks", (20, 24), TITLE)?;
        for (at, name) in names.iter().enumerate() {
            let middle = TOP + ROW * at as i32 + ROW / 2;
            let color = color(name);
            write_text(area, *name, (NAMES - 12, middle), Type { color, ..LABEL }.from(HPos::Right))?;
        }
        for (at, column) in columns.iter().enumerate() {
            let left = NAMES + (PANEL + GAP) * at as i32;
            panel(area, column, (left, &names))?;
        }
        let note = "an open ring: recorded for the whole group, without an interval";
        write_text(area, note, (20, height - 14), Type { color: GREY, ..LABEL })
    })
}

fn color(method: &str) -> RGBColor {
    if method == "generated" { BLUE } else { INK }
}

fn panel(area: &Area<'_>, column: &Column, (left, names): (i32, &[&str])) -> anyhow::Result<()> {
    let ends = (left, left + PANEL);
    let title = format!("{} ({})", column.group.name(), column.tasks);
    write_text(area, title, (left + PANEL / 2, TOP - 32), LABEL.from(HPos::Center))?;
    let bottom = TOP + ROW * names.len() as i32;
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let x = between(ends, share);
        line(area, (x, TOP), (x, bottom), PALE)?;
        let label = Type { size: 11, color: GREY, side: HPos::Center };
        write_text(area, format!("{share}"), (x, TOP - 12), label)?;
    }
    for (at, name) in names.iter().enumerate() {
        let middle = TOP + ROW * at as i32 + ROW / 2;
        if let Some(figure) = column.figure(name) {
            mark(area, figure, (ends, middle, color(name)))?;
        }
    }
    Ok(())
}

fn mark(area: &Area<'_>, figure: &Figure, (ends, middle, color): ((i32, i32), i32, RGBColor)) -> anyhow::Result<()> {
    let Some(mean) = figure.mean else { return Ok(()) };
    let dot = (between(ends, mean), middle);
    match figure.interval {
        Some(interval) => {
            let (low, high) = (between(ends, interval.low), between(ends, interval.high));
            line(area, (low, middle), (high, middle), color.stroke_width(2))?;
            area.draw(&Circle::new(dot, 4, color.filled())).context("cannot draw")
        }
        None => area.draw(&Circle::new(dot, 4, color.stroke_width(2))).context("cannot draw"),
    }
}
