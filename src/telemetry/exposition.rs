//! Prometheus' text format, version 0.0.4: what is read when somebody asks is written here.

use super::metrics::Metric;
use std::fmt::Write;

/// A text of metrics.
///
/// ```
/// use attune::telemetry::{Exposition, metrics};
/// let mut text = Exposition::default();
/// text.sample(metrics::BUILD_INFO, &[("version", "1 \"beta\"")], 1.0);
/// assert!(text.into_text().ends_with("# TYPE attune_build_info gauge\nattune_build_info{version=\"1 \\\"beta\\\"\"} 1\n"));
/// ```
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    open: Option<&'static str>,
}

impl Exposition {
    /// A value. Those of one metric come one behind the other.
    pub fn sample(&mut self, metric: Metric, labels: &[(&str, &str)], value: f64) {
        self.family(metric);
        self.text.push_str(metric.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            // Writing to a text does not fail.
            let _ = write!(self.text, "{before}{name}=\"{}\"", escaped(value));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{after} {value}");
    }

    /// A value without labels.
    pub fn value(&mut self, metric: Metric, value: f64) {
        self.sample(metric, &[], value);
    }

    /// What a metric is, also where it has no value now.
    pub fn family(&mut self, metric: Metric) {
        if self.open != Some(metric.name) {
            let Metric { name, kind, help } = metric;
            let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.word());
            self.open = Some(name);
        }
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::metrics;
    use super::*;

    #[test]
    fn a_family_is_described_once_and_values_are_numbers() {
        let mut text = Exposition::default();
        text.sample(metrics::JOBS, &[("state", "queued"), ("kind", "a\\\n\"")], 2.0);
        text.sample(metrics::JOBS, &[("state", "running"), ("kind", "b")], 0.0);
        text.value(metrics::KV_USAGE, 0.25);
        text.family(metrics::WORKERS);
        let text = text.into_text();
        assert_eq!(text.matches("# TYPE attune_jobs gauge\n").count(), 1);
        assert!(text.contains("attune_jobs{state=\"queued\",kind=\"a\\\\\\n\\\"\"} 2\n"), "{text}");
        assert!(text.contains("\nattune_kv_cache_usage_ratio 0.25\n"), "{text}");
        assert!(text.ends_with("# TYPE attune_workers gauge\n"), "{text}");
    }
}
