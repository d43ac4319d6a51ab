//! Formats measurements for the output.

use std::fmt;

/// Repeated measurements of one value, in seconds.
#[derive(Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, seconds: f64) {
        self.0.push(seconds);
        self.0.sort_by(f64::total_cmp);
    }

    /// Returns the median, or `None` if nothing was measured. Of an even number of samples it is
    /// the mean of the middle two.
    pub(crate) fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(self.0[middle]),
            _ => Some(f64::midpoint(self.0[middle - 1], self.0[middle])),
        }
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.median(), self.0.as_slice()) {
            (Some(median), [least, .., most]) => {
                write!(f, "{median:.2} s (median of {}, {least:.2} to {most:.2})", self.0.len())
            }
            (Some(median), _) => write!(f, "{median:.2} s"),
            (None, _) => f.write_str("not measured"),
        }
    }
}

/// Converts bytes to megabytes of one million bytes.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
    let bytes = bytes as f64;
    bytes / 1e6
}
