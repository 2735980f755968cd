//! Each task's score: generated, against the description in the prompt and the task's own trained adapter.

use super::{Area, BLUE, GREY, INK, LABEL, ORANGE, PALE, TITLE, Type, between, document, line, write_text};
use crate::cli::eval::recorded::Recorded;
use crate::training::comparison::{Group, Method, TaskScores};
use anyhow::Context;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

const NAMES: i32 = 270;
const PANEL: i32 = 140;
const GAP: i32 = 20;
const TOP: i32 = 96;
const ROW: i32 = 14;
/// Rows of a panel at most.
const ROWS: usize = 50;
/// Letters of a name that have room.
const LETTERS: usize = 40;

pub(super) fn svg(groups: &[(Group, Vec<TaskScores>)], recorded: &Recorded) -> anyhow::Result<String> {
    let shown = groups.iter().filter(|(group, _)| *group != Group::FreeTemplates);
    let panels: Vec<Panel<'_>> = shown.flat_map(|(group, tasks)| panels(*group, tasks)).collect();
    let rows = panels.iter().map(|panel| panel.tasks.len()).max().unwrap_or(0) as i32;
    let width = 20 + (NAMES + PANEL + GAP) * panels.len().max(2) as i32;
    document((width as u32, (TOP + ROW * rows + 20) as u32), |area| {
        write_text(area, "Exact match by task, best generated first", (20, 24), TITLE)?;
        legend(area)?;
        for (at, panel) in panels.iter().enumerate() {
            panel.draw(area, recorded, 20 + (NAMES + PANEL + GAP) * at as i32)?;
        }
        Ok(())
    })
}

/// A group's tasks, or some of them where they are many.
struct Panel<'a> {
    title: String,
    tasks: Vec<&'a TaskScores>,
}

fn panels(group: Group, tasks: &[TaskScores]) -> Vec<Panel<'_>> {
    let score = |task: &TaskScores| task.mean(Method::Generated).unwrap_or(-1.0);
    let mut sorted: Vec<&TaskScores> = tasks.iter().collect();
    sorted.sort_by(|a, b| score(b).total_cmp(&score(a)).then_with(|| a.name.cmp(&b.name)));
    let title = |part: usize, count: usize| match sorted.len() > ROWS {
        true => format!("{} {} to {}", group.name(), part * ROWS + 1, part * ROWS + count),
        false => group.name().to_owned(),
    };
    let parts = sorted.chunks(ROWS).enumerate();
    parts.map(|(part, tasks)| Panel { title: title(part, tasks.len()), tasks: tasks.to_vec() }).collect()
}

fn legend(area: &Area<'_>) -> anyhow::Result<()> {
    let mut left = 26;
    for (name, kind) in [
        ("generated from the description", Mark::Generated),
        ("the base with the description in its prompt", Mark::Prompted),
        ("the task's own trained LoRA (recorded)", Mark::Trained),
    ] {
        kind.draw(area, (left, 50))?;
        write_text(area, name, (left + 12, 50), LABEL)?;
        left += 290;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Mark {
    Generated,
    Prompted,
    Trained,
}

impl Mark {
    fn draw(self, area: &Area<'_>, (x, y): (i32, i32)) -> anyhow::Result<()> {
        match self {
            Self::Generated => area.draw(&Circle::new((x, y), 4, BLUE.filled())).context("cannot draw"),
            Self::Prompted => area.draw(&Circle::new((x, y), 4, ORANGE.stroke_width(2))).context("cannot draw"),
            Self::Trained => line(area, (x, y - 6), (x, y + 6), INK.stroke_width(2)),
        }
    }
}

impl Panel<'_> {
    fn draw(&self, area: &Area<'_>, recorded: &Recorded, left: i32) -> anyhow::Result<()> {
        let ends = (left + NAMES, left + NAMES + PANEL);
        write_text(area, self.title.as_str(), (left + NAMES - 8, TOP - 18), LABEL.from(HPos::Right))?;
        for share in [0.0, 0.5, 1.0] {
            let x = between(ends, share);
            line(area, (x, TOP - 6), (x, TOP + ROW * self.tasks.len() as i32), PALE)?;
            write_text(area, format!("{share}"), (x, TOP - 18), Type { size: 11, color: GREY, side: HPos::Center })?;
        }
        for (at, task) in self.tasks.iter().enumerate() {
            let middle = TOP + ROW * at as i32 + ROW / 2;
            let name = Type { size: 10, color: INK, side: HPos::Right };
            write_text(area, short(&task.name), (left + NAMES - 8, middle), name)?;
            let own = recorded.trained_lora_tasks.get(&task.name).copied();
            for (kind, share) in [
                (Mark::Trained, own),
                (Mark::Prompted, task.mean(Method::BaseDescription)),
                (Mark::Generated, task.mean(Method::Generated)),
            ] {
                if let Some(share) = share {
                    kind.draw(area, (between(ends, share), middle))?;
                }
            }
        }
        Ok(())
    }
}

fn short(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}
