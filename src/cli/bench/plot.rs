//! The report as a picture: three panels of latencies by percentile, one of throughput. A white card, so that it can be
//! read on any page.

use super::measure::{Recorder, Times};
use super::options::{Loop, Mode, RunKind};
use super::report::{Report, rate};
use super::table::short;
use anyhow::Context;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

type TimesOf = fn(&Recorder) -> &Times;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 1200;
const LATENCIES: u32 = 400;
const TITLE: u32 = 50;
const BAR: u32 = 30;
const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
const PALE: RGBColor = RGBColor(0xdd, 0xe1, 0xe6);
const FONT: &str = "sans-serif";
/// What each panel of latencies shows.
const KINDS: [(&str, TimesOf); 3] = [
    ("Time to first token", |run| &run.first_token),
    ("Between tokens", |run| &run.between_tokens),
    ("End to end", |run| &run.end_to_end),
];
/// Points of a curve.
const POINTS: u32 = 80;

/// A run as it is drawn.
struct Drawn<'a> {
    name: String,
    recorder: &'a Recorder,
    tokens_per_s: f64,
    color: RGBColor,
    is_dashed: bool,
}

/// The picture, as an SVG document.
///
/// # Errors
/// Those of the drawing library.
pub(super) fn svg(report: &Report) -> anyhow::Result<String> {
    let runs = drawn(report);
    let height = TITLE + LATENCIES + 80 + BAR * runs.len().max(1) as u32;
    let mut text = String::new();
    {
        let whole = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        whole.fill(&WHITE).context("cannot draw")?;
        title(&whole, report)?;
        let (_, rest) = whole.split_vertically(TITLE);
        let (top, bottom) = rest.split_vertically(LATENCIES);
        let panels = top.split_evenly((1, 3));
        for (panel, (name, times)) in panels.iter().zip(KINDS) {
            latencies(panel, name, &runs.iter().map(|run| (run, times(run.recorder))).collect::<Vec<_>>())?;
        }
        throughput(&bottom, &runs)?;
        whole.present().context("cannot draw")?;
    }
    Ok(text)
}

fn drawn(report: &Report) -> Vec<Drawn<'_>> {
    let measured: Vec<_> = report.runs.iter().filter_map(|run| Some((run.kind, run.figures()?))).collect();
    let mut counts: Vec<usize> = measured.iter().map(|(kind, _)| kind.adapters).filter(|count| *count > 0).collect();
    counts.sort_unstable();
    counts.dedup();
    let draw = |(kind, (recorder, wall_s)): (RunKind, (_, f64))| {
        let place = counts.iter().position(|count| *count == kind.adapters).unwrap_or(0);
        let recorder: &Recorder = recorder;
        Drawn {
            name: kind.to_string(),
            recorder,
            tokens_per_s: rate(recorder.completion_tokens, wall_s),
            color: color(kind.mode, (place + 1) as f64 / counts.len().max(1) as f64),
            is_dashed: kind.mode == Mode::Merged,
        }
    };
    measured.into_iter().map(draw).collect()
}

/// A hue a mode, the darker the more adapters.
fn color(mode: Mode, share: f64) -> RGBColor {
    let (pale, dark) = match mode {
        Mode::Base => return RGBColor(0x55, 0x5b, 0x63),
        Mode::Unmerged => ([0x8c, 0xc1, 0xf5], [0x08, 0x3f, 0x8f]),
        Mode::Merged => ([0xf7, 0xb2, 0x67], [0x9c, 0x36, 0x07]),
    };
    let mix = |i: usize| (f64::from(pale[i]) + (f64::from(dark[i]) - f64::from(pale[i])) * share) as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

fn title(area: &Area<'_>, report: &Report) -> anyhow::Result<()> {
    let info = &report.info;
    let word = |field: &str| info[field].as_str().unwrap_or("?").to_owned();
    let text = format!(
        "attune {}: {} on {}, weights {}",
        word("version"),
        word("base_model"),
        word("device"),
        word("weights")
    );
    let kind = match report.args.kind {
        Loop::Closed => format!("closed loop, {} workers", report.args.concurrency),
        Loop::Open => format!("open loop, {} arrivals a second", report.args.rate),
    };
    let text = format!("{text}; {kind}");
    area.draw(&Text::new(text, (20, 18), (FONT, 18).into_font().color(&INK))).context("cannot draw")
}

/// Milliseconds over percentiles. Both axes are drawn by their logarithms: an axis of nines shows the tail.
fn latencies(area: &Area<'_>, name: &str, runs: &[(&Drawn<'_>, &Times)]) -> anyhow::Result<()> {
    let curves: Vec<_> = runs.iter().map(|(run, times)| (*run, logarithms(&times.curve(POINTS)))).collect();
    let points = || curves.iter().flat_map(|(_, curve)| curve);
    let (low, high) = points().fold((f64::MAX, f64::MIN), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low - 0.05, high + 0.05) };
    let nines = points().map(|(x, _)| *x).fold(1.0, f64::max);
    let x_ticks: Vec<f64> = PERCENTILES.iter().map(|(x, _)| *x).filter(|x| *x <= nines).collect();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{name}, ms"), (FONT, 16).into_font().color(&INK))
        .margin(10)
        .margin_right(20)
        .x_label_area_size(45)
        .y_label_area_size(55)
        .build_cartesian_2d(Axis::new(0.0..nines, x_ticks), Axis::new(low..high, y_ticks(low, high)))
        .context("cannot draw")?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(PALE)
        .axis_style(INK)
        .x_desc("percentile")
        .x_label_formatter(&|x| percentile(*x))
        .y_label_formatter(&|y| milliseconds(10f64.powf(*y)))
        .label_style((FONT, 13).into_font().color(&INK))
        .draw()
        .context("cannot draw")?;
    if points().next().is_none() {
        let style = (FONT, 14).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw(&Text::new("nothing was measured", (WIDTH as i32 / 6 + 20, LATENCIES as i32 / 2), style))
            .context("cannot draw")?;
    }
    for (run, curve) in curves {
        let style = run.color.stroke_width(2);
        let drawn = match run.is_dashed {
            true => chart.draw_series(DashedLineSeries::new(curve, 7, 4, style)).map(drop),
            false => chart.draw_series(LineSeries::new(curve, style)).map(drop),
        };
        drawn.context("cannot draw")?;
    }
    Ok(())
}

/// A linear axis with its own marks.
struct Axis {
    range: Range<f64>,
    marks: Vec<f64>,
}

impl Axis {
    fn new(range: Range<f64>, marks: Vec<f64>) -> Self {
        Self { range, marks }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Percentiles by their number of nines.
const PERCENTILES: [(f64, &str); 6] =
    [(0.0, "0"), (std::f64::consts::LOG10_2, "50"), (1.0, "90"), (2.0, "99"), (3.0, "99.9"), (4.0, "99.99")];

fn percentile(nines: f64) -> String {
    let named = PERCENTILES.iter().find(|(at, _)| (at - nines).abs() < 1e-3);
    named.map_or_else(String::new, |(_, name)| (*name).to_owned())
}

/// The shortest time that is drawn in milliseconds; two tokens that come together have 0 between them.
const SHORTEST_MS: f64 = 0.01;

fn logarithms(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    curve.iter().map(|(nines, ms)| (*nines, ms.max(SHORTEST_MS).log10())).collect()
}

/// 1, 2 and 5 of each power of ten; the powers alone where there are many.
fn y_ticks(low: f64, high: f64) -> Vec<f64> {
    let digits: &[f64] = match high - low {
        span if span > 3.0 => &[1.0],
        span if span > 0.7 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    };
    let powers = low.floor() as i32..=high.ceil() as i32;
    let ticks = powers.flat_map(|power| digits.iter().map(move |digit| digit.log10() + f64::from(power)));
    ticks.filter(|tick| (low..=high).contains(tick)).collect()
}

fn milliseconds(ms: f64) -> String {
    let text = format!("{ms:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A bar a run, with its name at the left: it is the legend of the panels above.
fn throughput(area: &Area<'_>, runs: &[Drawn<'_>]) -> anyhow::Result<()> {
    const LEFT: i32 = 150;
    const TOP: i32 = 42;
    let write = |text: String, at: (i32, i32), size: i32, h: HPos| {
        let style = (FONT, size).into_font().color(&INK).pos(Pos::new(h, VPos::Center));
        area.draw(&Text::new(text, at, style)).context("cannot draw")
    };
    write("Throughput, tokens/s (and the legend of the curves)".into(), (20, 16), 16, HPos::Left)?;
    let most = runs.iter().map(|run| run.tokens_per_s).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH as i32 - LEFT - 120);
    for (place, run) in runs.iter().enumerate() {
        let top = TOP + place as i32 * BAR as i32;
        let middle = top + BAR as i32 / 2;
        let end = LEFT + (run.tokens_per_s / most * room) as i32;
        let line = run.color.stroke_width(2);
        let dashes: &[(i32, i32)] = if run.is_dashed { &[(20, 27), (31, 38), (42, 49)] } else { &[(20, 49)] };
        for (from, to) in dashes {
            let stroke = PathElement::new(vec![(*from, middle), (*to, middle)], line);
            area.draw(&stroke).context("cannot draw")?;
        }
        write(run.name.clone(), (58, middle), 14, HPos::Left)?;
        let bar = Rectangle::new([(LEFT, top + 5), (end, top + BAR as i32 - 5)], run.color.filled());
        area.draw(&bar).context("cannot draw")?;
        write(short(run.tokens_per_s), (end + 8, middle), 14, HPos::Left)?;
    }
    Ok(())
}
