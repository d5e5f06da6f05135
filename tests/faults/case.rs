//! A case: a scenario, and what befalls which of its calls. It is written as one word, so that the
//! line which reports it is the line which repeats it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::fault::Fault;

/// A fault for the first call at or after an index that can meet it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    pub(crate) index: usize,
    pub(crate) fault: Fault,
}

/// Reads that lag behind: all of them, or those of one operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lag {
    /// By how many writes.
    pub(crate) age: usize,
    pub(crate) operation: Option<String>,
    /// Until when, on the sandbox's clock.
    pub(crate) until: Duration,
}

impl Lag {
    pub(crate) fn concerns(&self, operation: &str, now: Duration) -> bool {
        now < self.until && self.operation.as_ref().is_none_or(|one| one == operation)
    }
}

/// For how long reads lag behind: fewer rounds than what was made is looked for before it is made again.
pub(crate) const LAG: Duration = Duration::from_secs(40);

/// What befalls a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    Faults(Vec<Planned>),
    Lag(Lag),
}

/// `image:12:crash-after,20:throttle`, or `image:lag-3:DescribeServices`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) scenario: String,
    pub(crate) trouble: Trouble,
}

impl Case {
    pub(crate) fn single(scenario: &str, index: usize, fault: Fault) -> Self {
        Self { scenario: scenario.to_owned(), trouble: Trouble::Faults(vec![Planned { index, fault }]) }
    }

    pub(crate) fn lag(scenario: &str, age: usize, operation: Option<&str>) -> Self {
        let lag = Lag { age, operation: operation.map(str::to_owned), until: LAG };
        Self { scenario: scenario.to_owned(), trouble: Trouble::Lag(lag) }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scenario)?;
        match &self.trouble {
            Trouble::Faults(faults) => {
                let all: Vec<String> = faults.iter().map(|one| format!("{}:{}", one.index, one.fault)).collect();
                f.write_str(&all.join(","))
            }
            Trouble::Lag(lag) => write!(f, "lag-{}:{}", lag.age, lag.operation.as_deref().unwrap_or("*")),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not SCENARIO:INDEX:FAULT[,INDEX:FAULT…] or SCENARIO:lag-N:OPERATION");
        let (scenario, rest) = text.split_once(':').ok_or_else(wrong)?;
        if let Some((age, operation)) = rest.strip_prefix("lag-").and_then(|rest| rest.split_once(':')) {
            let operation = (operation != "*").then_some(operation);
            return Ok(Self::lag(scenario, age.parse().map_err(|_| wrong())?, operation));
        }
        let planned = |part: &str| {
            let (index, fault) = part.split_once(':').ok_or_else(wrong)?;
            Ok::<_, String>(Planned { index: index.parse().map_err(|_| wrong())?, fault: fault.parse()? })
        };
        let faults = rest.split(',').map(planned).collect::<Result<_, _>>()?;
        Ok(Self { scenario: scenario.to_owned(), trouble: Trouble::Faults(faults) })
    }
}

#[test]
fn every_case_reads_back_as_it_is_written() {
    for text in ["image:12:crash-after,20:throttle-throughout", "image:lag-3:DescribeServices", "image:lag-10:*"] {
        assert_eq!(text.parse::<Case>().map(|case| case.to_string()), Ok(text.to_owned()));
    }
    assert!("image:12:nonsense".parse::<Case>().is_err());
}
