//! The header `traceparent` of W3C Trace Context, level 1: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::fmt;
use std::str::FromStr;

/// Where a span stands in a trace: what one process tells the next.
///
/// ```
/// use attune::telemetry::TraceParent;
/// let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = sent.parse()?;
/// assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(parent.to_string(), sent);
/// # Ok::<(), attune::telemetry::trace::NoTraceParent>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Of the trace; not 0.
    pub(super) trace: u128,
    /// Of the span; not 0.
    pub(super) span: u64,
    /// Bit 0: the caller records the trace.
    pub(super) flags: u8,
}

/// A text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no traceparent of W3C Trace Context")]
pub struct NoTraceParent;

impl TraceParent {
    /// The trace's id, 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// A later version is read as far as this one goes, as the recommendation asks.
    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let mut fields = text.split('-');
        let mut field = |digits: usize| {
            let field = fields.next().filter(|field| field.len() == digits).ok_or(NoTraceParent)?;
            let lower = field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if lower { u128::from_str_radix(field, 16).map_err(|_| NoTraceParent) } else { Err(NoTraceParent) }
        };
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let more = fields.next().is_some();
        if version == 0xff || version == 0 && more || trace == 0 || span == 0 {
            return Err(NoTraceParent);
        }
        // They have as many digits as these types.
        Ok(Self { trace, span: span as u64, flags: flags as u8 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn it_comes_back_as_it_was() {
        let parent: TraceParent = SENT.parse().unwrap();
        assert_eq!((parent.to_string().as_str(), parent.flags), (SENT, 1));
        let unsampled = SENT.replace("-01", "-00");
        assert_eq!(unsampled.parse::<TraceParent>().unwrap().to_string(), unsampled);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = SENT.replacen("00", "cc", 1) + "-what-comes";
        assert_eq!(later.parse::<TraceParent>().unwrap().to_string(), SENT);
    }

    #[test]
    fn what_is_none_is_refused() {
        for none in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ] {
            assert_eq!(none.parse::<TraceParent>(), Err(NoTraceParent), "{none}");
        }
    }
}
