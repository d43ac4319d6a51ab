//! R-P: pins.

use jiff::civil::Date;

/// Whether a pin still protects its record (R-P1). The last protected day is the one before
/// `until`.
#[inline]
pub fn is_active(until: Date, today: Date) -> bool {
    today < until
}
