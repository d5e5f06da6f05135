//! Times in which changes may be made, written as AWS writes maintenance windows: `Mon:22:00-Tue:04:00`, in
//! UTC (Amazon RDS API reference, PreferredMaintenanceWindow), or `22:00-04:00` on every day (likewise,
//! PreferredBackupWindow).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// From Monday on.
const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: u64 = 24 * 60;
const WEEK: u64 = 7 * DAY;
/// 1 January 1970 was a Thursday.
const FIRST_DAY: u64 = 3;

/// A time that comes again every day or every week. All times are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Minutes in which it comes again.
    every: u64,
    /// The minute in which it opens, counted from midnight, or from that before Monday.
    opens: u64,
    /// The minute in which it is closed again.
    closes: u64,
}

impl Window {
    /// Whether it is open at a time since 1 January 1970.
    #[must_use]
    pub fn is_open(&self, at: Duration) -> bool {
        let minute = minute_of_week(at) % self.every;
        (minute + self.every - self.opens) % self.every < (self.closes + self.every - self.opens) % self.every
    }
}

/// When each of these lists has a window that is open: the wait from a time since 1 January 1970 on, and how one
/// writes it, such as `Tue:22:00`. `None`: never.
#[must_use]
pub fn next_opening(lists: &[Vec<Window>], at: Duration) -> Option<(Duration, String)> {
    let minute = |minutes: u64| Duration::from_secs((at.as_secs() / 60 + minutes) * 60);
    let is_open = |minutes: &u64| lists.iter().all(|list| list.iter().any(|one| one.is_open(minute(*minutes))));
    let wait = (0..WEEK).find(is_open)?;
    Some((minute(wait).saturating_sub(at), of_week(minute_of_week(minute(wait)))))
}

fn minute_of_week(at: Duration) -> u64 {
    (at.as_secs() / 60 + FIRST_DAY * DAY) % WEEK
}

fn of_week(minute: u64) -> String {
    let day = usize::try_from(minute / DAY % 7).ok().and_then(|day| DAYS.get(day));
    format!("{}:{}", day.unwrap_or(&DAYS[0]), of_day(minute))
}

fn of_day(minute: u64) -> String {
    format!("{:02}:{:02}", minute / 60 % 24, minute % 60)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = if self.every == DAY { of_day } else { of_week };
        write!(f, "{}-{}", written(self.opens), written(self.closes))
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("`{text}` is no window: write Mon:22:00-Tue:04:00, or 22:00-04:00 for every day, both in UTC");
        let (from, to) = text.split_once('-').ok_or_else(form)?;
        let window = match (read(from), read(to)) {
            (Some((None, opens)), Some((None, closes))) => Self { every: DAY, opens, closes },
            (Some((Some(day), opens)), Some((Some(other), closes))) => {
                Self { every: WEEK, opens: day * DAY + opens, closes: other * DAY + closes }
            }
            _ => return Err(form()),
        };
        if window.opens == window.closes {
            return Err(format!("`{text}` closes when it opens; to allow changes at any time, leave the rule out"));
        }
        Ok(window)
    }
}

/// A day, if there is one, and the minute of that day.
fn read(text: &str) -> Option<(Option<u64>, u64)> {
    let two_digits = |text: &str, max: u64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|number| digits && *number <= max)
    };
    let (day, time) = match text.split(':').count() {
        3 => text.split_once(':').map(|(day, time)| (Some(day), time))?,
        _ => (None, text),
    };
    let (hour, minute) = time.split_once(':')?;
    let minute = two_digits(hour, 23)? * 60 + two_digits(minute, 59)?;
    let Some(day) = day else { return Some((None, minute)) };
    let day = DAYS.iter().position(|known| known.eq_ignore_ascii_case(day))?;
    Some((Some(u64::try_from(day).ok()?), minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 27 November 2026, a Friday, at 00:00 UTC.
    const FRIDAY: u64 = 1_795_737_600;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    /// The hours of the week from that Friday on in which it is open, as `1` and `0`.
    fn hours(text: &str) -> String {
        let open = |hour: u64| window(text).is_open(Duration::from_secs(FRIDAY + hour * 3600));
        (0..7 * 24).map(|hour| if open(hour) { '1' } else { '0' }).collect()
    }

    #[test]
    fn one_of_the_week_is_open_once_a_week_and_may_go_over_its_end() {
        assert_eq!(hours("Fri:09:00-Fri:17:00").matches('1').count(), 8);
        assert_eq!(hours("Fri:09:00-Fri:17:00").find('1'), Some(9));
        assert_eq!(hours("Sun:22:00-Mon:02:00").find("1111"), Some(2 * 24 + 22));
        assert_eq!(hours("Mon:00:00-Sat:00:00").matches('1').count(), 5 * 24);
        assert_eq!(hours("Fri:02:00-Fri:01:00").matches('0').count(), 1, "all the week but for an hour");
    }

    #[test]
    fn one_of_the_day_is_open_every_day_and_may_go_over_midnight() {
        assert_eq!(hours("09:00-17:00").matches("11111111").count(), 7);
        assert_eq!(hours("22:00-02:00").matches('1').count(), 7 * 4);
        assert!(hours("22:00-02:00").starts_with("110"));
    }

    #[test]
    fn it_is_open_from_its_first_minute_on_and_closed_from_its_last() {
        let at = |minute: u64| window("Fri:09:30-Fri:09:45").is_open(Duration::from_secs(FRIDAY + minute * 60));
        let (opens, closes) = (9 * 60 + 30, 9 * 60 + 45);
        assert_eq!([opens - 1, opens, closes - 1, closes].map(at), [false, true, true, false]);
    }

    #[test]
    fn it_says_when_it_opens_next() {
        let next = |lists: &[&[&str]], hour: u64| {
            let lists: Vec<Vec<Window>> =
                lists.iter().map(|list| list.iter().map(|text| window(text)).collect()).collect();
            let (wait, time) = next_opening(&lists, Duration::from_secs(FRIDAY + hour * 3600 + 30))?;
            Some(((wait.as_secs() + 30) / 60, time))
        };
        let at = |minutes: u64, time: &str| Some((minutes, time.to_owned()));
        assert_eq!(next(&[&["Fri:09:30-Fri:17:00"]], 8), at(90, "Fri:09:30"));
        assert_eq!(next(&[&["Mon:09:00-Mon:17:00"]], 8), at((3 * 24 + 1) * 60, "Mon:09:00"));
        assert_eq!(next(&[&["07:00-08:00", "Fri:23:00-Fri:23:30"]], 8), at(15 * 60, "Fri:23:00"));
        assert_eq!(next(&[&["07:00-12:00"], &["Sun:11:00-Sun:13:00"]], 8), at((2 * 24 + 3) * 60, "Sun:11:00"));
        assert_eq!(next(&[&["07:00-08:00"], &["08:00-09:00"]], 8), None, "they are never open at once");
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["Mon:22:00-Tue:04:00", "Sun:00:00-Sun:00:30", "22:00-04:00", "00:00-23:59"] {
            assert_eq!(window(text).to_string(), text);
        }
        assert_eq!(window("mon:22:00-TUE:04:00").to_string(), "Mon:22:00-Tue:04:00");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let no_windows =
            ["", "Mon", "Mon-Fri", "9:00-17:00", "09:00-24:00", "09:60-10:00", "Mon:09:00-17:00", "Mo:09:00-Mo:10:00"];
        let others = ["09:00-17:00Z", "Mon:09:00-Mon:17:00-Mon:18:00", "+9:00-17:00", "Mon:09:00:00-Mon:10:00:00"];
        for text in no_windows.iter().chain(&others) {
            let error = text.parse::<Window>().unwrap_err();
            assert!(error.starts_with(&format!("`{text}` is no window: write Mon:22:00-Tue:04:00")), "{error}");
        }
        assert!("09:00-09:00".parse::<Window>().unwrap_err().contains("closes when it opens"));
    }
}
