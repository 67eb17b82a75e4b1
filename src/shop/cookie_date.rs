//! Dates in cookies, which no two shops write alike: `Wed, 21 Oct 2026 07:28:00 GMT`,
//! `Monday, 30-Nov-2026 09:18:13 UTC`, `Thu Jan  1 00:00:00 1970`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date as browsers do (RFC 6265, 5.1.1): by its tokens in any order, the time zone ignored.
/// Times before 1970 are read as 1970. `None` when it is no date.
pub(super) fn parse(text: &[u8]) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(read) = clock(token)
        {
            time = Some(read);
        } else if day.is_none()
            && let Some(read) = number(token, 1, 2)
        {
            day = Some(read);
        } else if month.is_none()
            && let Some(read) = month_of(token)
        {
            month = Some(read);
        } else if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 0..=69 => year + 2000,
        year @ 70..=99 => year + 1900,
        year => year,
    };
    if !(1..=31).contains(&day) || year < 1601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(UNIX_EPOCH + Duration::from_secs(seconds.max(0).unsigned_abs()))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E)
}

/// The number at the start of `token`, when it has `min` to `max` digits; what follows may not be a digit.
fn number(token: &[u8], min: usize, max: usize) -> Option<u32> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(min..=max).contains(&digits) {
        return None;
    }
    Some(token[..digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

fn clock(token: &[u8]) -> Option<(u32, u32, u32)> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let mut part = || parts.next().and_then(|part| number(part, 1, 2));
    Some((part()?, part()?, part()?))
}

fn month_of(token: &[u8]) -> Option<u32> {
    let start = token.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().position(|month| month.as_bytes() == start).map(|index| index as u32 + 1)
}

/// Days from 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(if month <= 2 { year - 1 } else { year });
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_shops_write_them() {
        for (text, expected) in [
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(1_792_567_680)),
            ("Monday, 30-Nov-2026 09:18:13 UTC", Some(1_796_030_293)),
            ("Mon, 30-Nov-26 09:18:13 GMT", Some(1_796_030_293)),
            ("Mon Nov 30 09:18:13 2026", Some(1_796_030_293)),
            ("30 Nov 2026 9:18:13", Some(1_796_030_293)),
            ("Thu, 01-Jan-1970 00:00:01 GMT", Some(1)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31-Dec-1999 23:59:59 GMT", Some(946_684_799)),
            ("Sat, 29 Feb 2020 12:00:00 GMT", Some(1_582_977_600)),
            ("Mon, 01 Jan 1900 00:00:00 GMT", Some(0)),
            ("0", None),
            ("-1", None),
            ("", None),
            ("Wed, 21 Oct 2026", None),
            ("Wed, 21 Oct 2026 27:28:00 GMT", None),
        ] {
            let read = parse(text.as_bytes()).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs());
            assert_eq!(read, expected, "{text}");
        }
    }
}
