//! Parsers of cells: dates, booleans, lists, ids.

use jiff::civil::Date;
use roster::settings::DateOrder;

/// Trims a text. Nearly all cells begin and end with an ASCII letter or digit; the check for that
/// is cheaper than `str::trim`.
pub(crate) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [] | [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// Days since 1970-01-01, or [`NO_DAY`].
pub(crate) type Day = i32;

/// The value for "no date".
pub(crate) const NO_DAY: Day = i32::MIN;

/// A parsed date, with its notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateCell {
    /// As the standard requires.
    Iso(Date),
    /// In the district's order of day and month.
    Ordered(Date),
    /// A notation such as `31/12/2026`, while the settings name no order.
    NeedsOrder,
    /// Not a date.
    Bad,
}

/// Parses a date that is not blank. The order of day and month is never guessed from one date.
pub(crate) fn date(text: &str, order: Option<DateOrder>) -> DateCell {
    if let Some(date) = iso_date(text.as_bytes()).or_else(|| date_of_time(text)) {
        return DateCell::Iso(date);
    }
    match (DateParts::of(text), order) {
        (None, _) => DateCell::Bad,
        (Some(_), None) => DateCell::NeedsOrder,
        (Some(parts), Some(order)) => parts.date(order).map_or(DateCell::Bad, DateCell::Ordered),
    }
}

/// The date of a date with a time: `2026-08-31T00:00:00.000Z` or `2026-08-31 00:00`.
fn date_of_time(text: &str) -> Option<Date> {
    let (date, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', ' '])?;
    let is_time = time.len() >= 5
        && time.as_bytes()[2] == b':'
        && time
            .bytes()
            .all(|c| c.is_ascii_digit() || matches!(c, b':' | b'.' | b'Z' | b'+' | b'-'));
    is_time.then(|| iso_date(date.as_bytes()))?
}

/// The numbers of a date such as `31/12/2026`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateParts {
    first: i8,
    second: i8,
    year: i16,
}

impl DateParts {
    /// Splits a date. Returns `None` if the text is not two numbers and a year.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut parts = text.split(['/', '-', '.']);
        let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |text: &str| {
            let is_short = (1..=2).contains(&text.len());
            (is_short && text.bytes().all(|c| c.is_ascii_digit())).then(|| text.parse().ok())?
        };
        let is_year = year.len() == 4 && year.bytes().all(|c| c.is_ascii_digit());
        if parts.next().is_some() || !is_year {
            return None;
        }
        Some(Self { first: number(first)?, second: number(second)?, year: year.parse().ok()? })
    }

    /// Returns the date that the numbers are in this order, or `None` if there is no such day.
    pub(crate) fn date(self, order: DateOrder) -> Option<Date> {
        let (month, day) = match order {
            DateOrder::Mdy => (self.first, self.second),
            DateOrder::Dmy => (self.second, self.first),
        };
        Date::new(self.year, month, day).ok()
    }
}

/// Parses `YYYY-MM-DD` and no other notation.
pub(crate) fn iso_date(text: &[u8]) -> Option<Date> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |a: u8, b: u8| i16::from(a - b'0') * 10 + i16::from(b - b'0');
    Date::new(two(y1, y2) * 100 + two(y3, y4), two(m1, m2) as i8, two(d1, d2) as i8).ok()
}

/// Converts a date to a number of days, which takes less memory.
pub(crate) fn to_day(date: Date) -> Day {
    // The usual arithmetic for the civil calendar, over eras of 400 years.
    let (y, m, d) = (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()));
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Converts a number of days to year, month and day.
pub(crate) fn to_date(day: Day) -> (i32, u32, u32) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i32::from(m <= 2), m as u32, d as u32)
}

/// Whether a text is a DateTime of the standard: `2012-04-23T18:25:43.511Z`.
pub(crate) fn is_datetime(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 24
        && bytes.iter().enumerate().all(|(i, &c)| match i {
            4 | 7 => c == b'-',
            10 => c == b'T',
            13 | 16 => c == b':',
            19 => c == b'.',
            23 => c == b'Z',
            _ => c.is_ascii_digit(),
        })
}

/// A parsed boolean, with its notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BooleanCell {
    /// As the standard requires.
    Exact(bool),
    /// `TRUE`.
    OtherCase(bool),
    /// `yes`, `1`, …
    OtherWord(bool),
    /// Not a boolean.
    Bad,
}

/// Parses a boolean that is not blank.
pub(crate) fn boolean(text: &str) -> BooleanCell {
    match text {
        "true" => BooleanCell::Exact(true),
        "false" => BooleanCell::Exact(false),
        _ if text.eq_ignore_ascii_case("true") => BooleanCell::OtherCase(true),
        _ if text.eq_ignore_ascii_case("false") => BooleanCell::OtherCase(false),
        _ if ["yes", "y", "1", "t"].iter().any(|w| text.eq_ignore_ascii_case(w)) => {
            BooleanCell::OtherWord(true)
        }
        _ if ["no", "n", "0", "f"].iter().any(|w| text.eq_ignore_ascii_case(w)) => {
            BooleanCell::OtherWord(false)
        }
        _ => BooleanCell::Bad,
    }
}

/// Ends every item of a list that a server sent. There an id or a name may contain a comma, but
/// none contains this character (unit separator).
pub(crate) const LIST_ITEM_END: char = '\u{1f}';

/// Returns the items of a list cell, trimmed, without blank ones.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    let separator = if text.ends_with(LIST_ITEM_END) { LIST_ITEM_END } else { ',' };
    text.split(separator).map(trim).filter(|item| !item.is_empty())
}

/// Whether a text is a grade code of the standard.
pub(crate) fn is_grade(text: &str) -> bool {
    match text.as_bytes() {
        [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'3'] => true,
        _ => matches!(text, "IT" | "PR" | "PK" | "TK" | "KG" | "PS" | "UG" | "Other"),
    }
}

/// Whether an id has only the characters and the length that the standard allows.
pub(crate) fn is_regular_id(id: &str) -> bool {
    id.len() < 256 && id.bytes().all(|c| REGULAR[usize::from(c)])
}

/// A lookup table, because every row of every file is checked.
const REGULAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut c = 0_u8;
    while c < 128 {
        table[c as usize] =
            c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'/' | b'@');
        c += 1;
    }
    table
};

/// Whether a cell is a list of `{type:id}`.
pub(crate) fn is_user_ids(text: &str) -> bool {
    list(text).all(|item| {
        item.strip_prefix('{')
            .and_then(|item| item.strip_suffix('}'))
            .and_then(|item| item.split_once(':'))
            .is_some_and(|(kind, id)| !kind.trim().is_empty() && !id.trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for (y, m, d) in
            [(1970, 1, 1), (2000, 2, 29), (2026, 12, 31), (1, 1, 1), (9999, 12, 31), (1969, 12, 31)]
        {
            let date = Date::new(y, m, d).unwrap();
            assert_eq!(to_date(to_day(date)), (i32::from(y), m as u32, d as u32));
        }
        assert_eq!(to_day(Date::constant(1970, 1, 2)), 1);
    }

    #[test]
    fn the_order_of_day_and_month_is_never_guessed() {
        let date_of = |y, m, d| Date::new(y, m, d).unwrap();
        assert_eq!(date("2026-08-31", None), DateCell::Iso(date_of(2026, 8, 31)));
        assert_eq!(date("8/31/2026", None), DateCell::NeedsOrder);
        assert_eq!(
            date("8/31/2026", Some(DateOrder::Mdy)),
            DateCell::Ordered(date_of(2026, 8, 31))
        );
        assert_eq!(
            date("31/08/2026", Some(DateOrder::Dmy)),
            DateCell::Ordered(date_of(2026, 8, 31))
        );
        assert_eq!(date("31/08/2026", Some(DateOrder::Mdy)), DateCell::Bad);
        assert_eq!(date("2026-02-30", None), DateCell::Bad);
        assert_eq!(date("soon", None), DateCell::Bad);
        assert_eq!(date("1/2/26", Some(DateOrder::Mdy)), DateCell::Bad);
        for text in ["2026-08-31T00:00:00.000Z", "2026-08-31 00:00", "2026-08-31T07:00:00+02:00"] {
            assert_eq!(date(text, None), DateCell::Iso(date_of(2026, 8, 31)), "{text}");
        }
        for text in ["2026-08-31T", "2026-08-31 soon", "2026-08-31T1", "2026-08-3ü T00:00"] {
            assert_eq!(date(text, None), DateCell::Bad, "{text}");
        }
    }
}
