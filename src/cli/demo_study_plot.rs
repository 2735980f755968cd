//! Exact match against the number of training tasks, as a picture.

use super::demo_study::Point;
use anyhow::anyhow;
use plotters::prelude::*;

const TRAIN: RGBColor = RGBColor(0x8a, 0x92, 0x9b);
const HELD_OUT: RGBColor = RGBColor(0x08, 0x4f, 0xa8);

/// The curve as an SVG document.
pub(super) fn svg(points: &[Point]) -> anyhow::Result<String> {
    let mut text = String::new();
    draw(points, &mut text).map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(text)
}

fn draw(points: &[Point], text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(text, (720, 440)).into_drawing_area();
    area.fill(&WHITE)?;
    let tasks = |point: &Point| point.tasks.max(1) as f64;
    let (first, last) = (points.first().map_or(1.0, tasks), points.last().map_or(10.0, tasks));
    let mut chart = ChartBuilder::on(&area)
        .caption("Exact match on unseen inputs, by number of training tasks", ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d((first..last * 1.05).log_scale(), 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("training tasks")
        .y_desc("exact match")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .light_line_style(WHITE)
        .draw()?;
    let curve = |value: fn(&Point) -> f64| points.iter().map(|p| (tasks(p), value(p))).collect::<Vec<_>>();
    let curves = [
        ("training tasks, unseen descriptions", TRAIN, curve(|point| point.train)),
        ("held-out compositions", HELD_OUT, curve(|point| point.heldout_compositions)),
    ];
    for (name, color, series) in curves {
        chart
            .draw_series(LineSeries::new(series, color.stroke_width(2)).point_size(4))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).background_style(WHITE).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_through_every_point() {
        let point = |tasks| Point { tasks, train: 0.9, heldout_compositions: 0.5, ..Point::default() };
        let text = svg(&[point(50), point(100), point(7542)]).expect("a picture");
        assert!(text.starts_with("<svg") && text.matches("<circle").count() >= 6, "{text}");
    }
}
