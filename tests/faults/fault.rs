//! What can befall one call on its way to AWS and back.

use std::fmt;
use std::str::FromStr;

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The process is gone before the call has its effect; a new one begins.
    Crash,
    /// The process is gone before it has the answer.
    CrashAfter,
    /// The connection is reset before the call has its effect.
    Reset,
    /// The connection is reset before the answer.
    ResetAfter,
    /// HTTP 500, without effect.
    Error,
    /// HTTP 500, with the effect.
    ErrorAfter,
    /// "Rate exceeded".
    Throttle,
    /// A server's error with a client's status: the SDK does not try it again.
    ServerException,
    /// No answer ever, without effect.
    BlackHole,
    /// No answer ever, with the effect.
    BlackHoleAfter,
    /// The credentials are too old.
    ExpiredToken,
    /// A permission is missing, this once.
    Denied,
    /// Our own code breaks off before the call.
    Panic,
    /// Our own code breaks off after the call.
    PanicAfter,
    /// SIGTERM while the call is on its way.
    Stop,
    /// SIGTERM while the call is on its way, and no answer ever.
    StopBlackHole,
    /// The same with the effect.
    StopBlackHoleAfter,
    /// The answer is of so many writes ago.
    Stale(usize),
    /// One of the names that are asked for is answered as a failure that is not MISSING.
    Failure(usize),
    /// One of the names that are asked for is not answered at all.
    Unnamed(usize),
}

use Kind::{
    BlackHole, BlackHoleAfter, Crash, CrashAfter, Denied, Error, ErrorAfter, ExpiredToken, Panic, PanicAfter, Reset,
    ResetAfter, ServerException, Stop, StopBlackHole, StopBlackHoleAfter, Throttle,
};

/// How many writes ago a stale answer is of.
pub(crate) const AGES: [usize; 3] = [1, 3, 10];

/// What every call can meet.
const OF_EVERY_CALL: &[(&str, Kind)] = &[
    ("crash", Crash),
    ("reset", Reset),
    ("error", Error),
    ("throttle", Throttle),
    ("server-exception", ServerException),
    ("black-hole", BlackHole),
    ("expired-token", ExpiredToken),
    ("denied", Denied),
    ("panic", Panic),
    ("stop", Stop),
];

/// What only a write can meet: for a read it would be the same as without the effect.
const OF_WRITES: &[(&str, Kind)] = &[
    ("crash-after", CrashAfter),
    ("reset-after", ResetAfter),
    ("error-after", ErrorAfter),
    ("black-hole-after", BlackHoleAfter),
    ("panic-after", PanicAfter),
    ("stop-black-hole", StopBlackHole),
    ("stop-black-hole-after", StopBlackHoleAfter),
];

/// What has a number behind it.
const NUMBERED: &[(&str, fn(usize) -> Kind)] =
    &[("stale", Kind::Stale), ("failure", Kind::Failure), ("unnamed", Kind::Unnamed)];

/// What can meet every attempt of a call, so that the SDK's own tries do not help.
const THROUGHOUT: &[Kind] = &[Reset, ResetAfter, Error, ErrorAfter, Throttle, BlackHole, BlackHoleAfter];

/// What befalls a call, and whether all attempts of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) throughout: bool,
}

/// What the kinds of faults have to know of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traits {
    pub(crate) write: bool,
    /// How many names a describe call answers, failures among them.
    pub(crate) names: usize,
    /// How many writes have had their effect before it.
    pub(crate) writes_before: usize,
}

impl Fault {
    /// Every fault that there is for a call.
    pub(crate) fn all(call: Traits) -> Vec<Self> {
        let named = OF_EVERY_CALL.iter().chain(OF_WRITES).map(|(_, kind)| *kind);
        let numbered = AGES.into_iter().map(Kind::Stale);
        let names = (0..call.names).flat_map(|name| [Kind::Failure(name), Kind::Unnamed(name)]);
        let once: Vec<Kind> = named.chain(numbered).chain(names).filter(|kind| kind.fits(call)).collect();
        let throughout = once.clone().into_iter().filter(|kind| THROUGHOUT.contains(kind));
        let throughout = throughout.map(|kind| Self { kind, throughout: true });
        once.into_iter().map(|kind| Self { kind, throughout: false }).chain(throughout).collect()
    }
}

impl Kind {
    pub(crate) fn fits(self, call: Traits) -> bool {
        match self {
            Self::Stale(age) => !call.write && age <= call.writes_before,
            Self::Failure(name) | Self::Unnamed(name) => name < call.names,
            kind => call.write || OF_EVERY_CALL.iter().any(|(_, one)| *one == kind),
        }
    }

    /// Whether the call has had its effect when it befalls it.
    pub(crate) fn after(self) -> bool {
        matches!(self, CrashAfter | ResetAfter | ErrorAfter | BlackHoleAfter | PanicAfter | Stop | StopBlackHoleAfter)
    }

    pub(crate) fn stops(self) -> bool {
        matches!(self, Stop | StopBlackHole | StopBlackHoleAfter)
    }

    fn label(self) -> String {
        match self {
            Self::Stale(age) => format!("stale-{age}"),
            Self::Failure(name) => format!("failure-{name}"),
            Self::Unnamed(name) => format!("unnamed-{name}"),
            kind => {
                let named = OF_EVERY_CALL.iter().chain(OF_WRITES).find(|(_, one)| *one == kind);
                named.map_or_else(String::new, |(label, _)| (*label).to_owned())
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.label(), if self.throughout { "-throughout" } else { "" })
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (label, throughout) = text.strip_suffix("-throughout").map_or((text, false), |label| (label, true));
        let named = OF_EVERY_CALL.iter().chain(OF_WRITES).find(|(name, _)| *name == label).map(|(_, kind)| *kind);
        let numbered = || {
            let (name, number) = label.rsplit_once('-')?;
            let (_, kind) = NUMBERED.iter().find(|(known, _)| *known == name)?;
            Some(kind(number.parse().ok()?))
        };
        let kind = named.or_else(numbered).ok_or_else(|| format!("there is no fault {text}"))?;
        Ok(Self { kind, throughout })
    }
}

#[test]
fn every_fault_reads_back_as_it_is_written() {
    let call = |write| Traits { write, names: 2, writes_before: 10 };
    let all: Vec<Fault> = [true, false].into_iter().flat_map(|write| Fault::all(call(write))).collect();
    assert!(all.len() > 40, "{}", all.len());
    for fault in all {
        assert_eq!(fault.to_string().parse(), Ok(fault));
    }
}
