//! Metrics for Prometheus, in one table.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use tokio::time::Instant;

/// One row of the table of metrics.
#[derive(Debug)]
pub struct MetricRow {
    /// The name as Prometheus sees it.
    pub name: &'static str,
    /// The labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn row(name: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricRow {
    MetricRow { name, labels, help }
}

const BUILD_INFO: MetricRow = row("evenkeel_build_info", &["version"], "1, with the version that runs.");
const RESOURCES: MetricRow = row("evenkeel_resources", &["kind", "state"], "Declared resources by kind and state.");
const PROBLEMS: MetricRow = row("evenkeel_manifest_problems", &[], "Problems in the manifest directory.");
const LAST_PASS: MetricRow =
    row("evenkeel_last_successful_pass_timestamp_seconds", &[], "When every resource could last be read.");
const PASSES: MetricRow =
    row("evenkeel_passes_total", &["result"], "Reconcile passes: ok, or error when a call failed.");
const PASS_SECONDS: MetricRow = row("evenkeel_pass_duration_seconds", &[], "How long a reconcile pass took.");
const ACTIONS: MetricRow = row("evenkeel_actions_total", &["action", "result"], "Changes made in AWS, by call.");
const CALLS: MetricRow =
    row("evenkeel_aws_calls_total", &["service", "operation", "result"], "Requests sent to AWS, retries included.");
const THROTTLED: MetricRow = row("evenkeel_aws_throttled_total", &["service"], "Requests that AWS throttled.");
const DRIFTED_SINCE: MetricRow = row(
    "evenkeel_resource_drifted_since_timestamp_seconds",
    &["kind", "name"],
    "Since when a resource is not as declared; absent while it is, or only waits for its window.",
);
const LEFT: MetricRow = row(
    "evenkeel_fields_left",
    &["reason"],
    "Fields that differ and are left as they are: NonConverging were written and do not show.",
);
const ORPHANS: MetricRow = row(
    "evenkeel_orphans",
    &["kind", "state"],
    "With --prune: resources that are ours and declared nowhere, retained or to_delete.",
);
const PRUNE_BLOCKED: MetricRow =
    row("evenkeel_prune_blocked", &["reason"], "With --prune: 1 while nothing at all is deleted, for this reason.");
const PANICS: MetricRow =
    row("evenkeel_panics_total", &[], "Looks and calls that ended in a bug of ours; the rest goes on without them.");
const WATCHING: MetricRow =
    row("evenkeel_directory_readable", &[], "1 while the manifest directory can be read, 0 while it cannot.");
const WRITER: MetricRow =
    row("evenkeel_writer", &[], "1 while this copy writes, 0 while it stands by for another one or only looks on.");

/// Every metric, for the README and its test.
pub const METRICS: &[&MetricRow] = &[
    &BUILD_INFO,
    &RESOURCES,
    &PROBLEMS,
    &LAST_PASS,
    &PASSES,
    &PASS_SECONDS,
    &ACTIONS,
    &CALLS,
    &THROTTLED,
    &DRIFTED_SINCE,
    &LEFT,
    &ORPHANS,
    &PRUNE_BLOCKED,
    &PANICS,
    &WATCHING,
    &WRITER,
];

/// The process's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    resources: IntGaugeVec,
    problems: IntGauge,
    last_pass: Gauge,
    passes: IntCounterVec,
    pass_seconds: Histogram,
    actions: IntCounterVec,
    calls: IntCounterVec,
    throttled: IntCounterVec,
    drifted_since: GaugeVec,
    left: IntGaugeVec,
    orphans: IntGaugeVec,
    prune_blocked: IntGaugeVec,
    panics: IntCounter,
    watching: IntGauge,
    writer: IntGauge,
    last_call: Mutex<Option<Instant>>,
}

impl Metrics {
    /// Registers every metric of the table, and the process's own.
    ///
    /// # Errors
    /// When a row of the table is not a legal metric: a bug, found by the first test.
    pub fn new() -> Result<Self, prometheus::Error> {
        let opts = |row: &MetricRow| Opts::new(row.name, row.help);
        let build = IntGaugeVec::new(opts(&BUILD_INFO), BUILD_INFO.labels)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Self {
            registry: Registry::new(),
            resources: IntGaugeVec::new(opts(&RESOURCES), RESOURCES.labels)?,
            problems: IntGauge::with_opts(opts(&PROBLEMS))?,
            last_pass: Gauge::with_opts(opts(&LAST_PASS))?,
            passes: IntCounterVec::new(opts(&PASSES), PASSES.labels)?,
            pass_seconds: Histogram::with_opts(
                HistogramOpts::from(opts(&PASS_SECONDS))
                    .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]),
            )?,
            actions: IntCounterVec::new(opts(&ACTIONS), ACTIONS.labels)?,
            calls: IntCounterVec::new(opts(&CALLS), CALLS.labels)?,
            throttled: IntCounterVec::new(opts(&THROTTLED), THROTTLED.labels)?,
            drifted_since: GaugeVec::new(opts(&DRIFTED_SINCE), DRIFTED_SINCE.labels)?,
            left: IntGaugeVec::new(opts(&LEFT), LEFT.labels)?,
            orphans: IntGaugeVec::new(opts(&ORPHANS), ORPHANS.labels)?,
            prune_blocked: IntGaugeVec::new(opts(&PRUNE_BLOCKED), PRUNE_BLOCKED.labels)?,
            panics: IntCounter::with_opts(opts(&PANICS))?,
            watching: IntGauge::with_opts(opts(&WATCHING))?,
            writer: IntGauge::with_opts(opts(&WRITER))?,
            last_call: Mutex::default(),
        };
        metrics.registry.register(Box::new(build))?;
        metrics.registry.register(Box::new(metrics.resources.clone()))?;
        metrics.registry.register(Box::new(metrics.problems.clone()))?;
        metrics.registry.register(Box::new(metrics.last_pass.clone()))?;
        metrics.registry.register(Box::new(metrics.passes.clone()))?;
        metrics.registry.register(Box::new(metrics.pass_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.actions.clone()))?;
        metrics.registry.register(Box::new(metrics.calls.clone()))?;
        metrics.registry.register(Box::new(metrics.throttled.clone()))?;
        metrics.registry.register(Box::new(metrics.drifted_since.clone()))?;
        metrics.registry.register(Box::new(metrics.left.clone()))?;
        metrics.registry.register(Box::new(metrics.orphans.clone()))?;
        metrics.registry.register(Box::new(metrics.prune_blocked.clone()))?;
        metrics.registry.register(Box::new(metrics.panics.clone()))?;
        metrics.registry.register(Box::new(metrics.watching.clone()))?;
        metrics.registry.register(Box::new(metrics.writer.clone()))?;
        #[cfg(target_os = "linux")]
        metrics.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// One attempt of one AWS call.
    pub fn aws_call(&self, service: &str, operation: &str, ok: bool, throttled: bool) {
        self.calls.with_label_values(&[service, operation, if ok { "ok" } else { "error" }]).inc();
        if throttled {
            self.throttled.with_label_values(&[service]).inc();
        }
        *self.last_call.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// When an attempt of a call last ended, however it did.
    #[must_use]
    pub fn last_call(&self) -> Option<Instant> {
        *self.last_call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One action of a plan.
    pub fn action(&self, permission: &str, ok: bool) {
        self.actions.with_label_values(&[permission, if ok { "ok" } else { "error" }]).inc();
    }

    /// Our own code broke off.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// The end of a pass. `seen`: every resource could be read; `ok`: no call failed.
    pub fn pass(&self, took: Duration, seen: bool, ok: bool, now: SystemTime) {
        self.passes.with_label_values(&[if ok { "ok" } else { "error" }]).inc();
        self.pass_seconds.observe(took.as_secs_f64());
        if seen {
            self.last_pass.set(seconds(now));
        }
    }

    /// What the directory looks like.
    pub fn directory(&self, readable: bool, problems: usize) {
        self.watching.set(i64::from(readable));
        self.problems.set(i64::try_from(problems).unwrap_or(i64::MAX));
    }

    /// Whether this copy writes.
    pub fn writer(&self, writes: bool) {
        self.writer.set(i64::from(writes));
    }

    /// How many resources of each kind are in each state, and since when which are drifted.
    pub fn resources<'a>(
        &self,
        counts: impl IntoIterator<Item = (&'a str, &'a str, usize)>,
        drifted: impl IntoIterator<Item = (&'a str, &'a str, SystemTime)>,
    ) {
        self.resources.reset();
        for (kind, state, count) in counts {
            self.resources.with_label_values(&[kind, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.drifted_since.reset();
        for (kind, name, since) in drifted {
            self.drifted_since.with_label_values(&[kind, name]).set(seconds(since));
        }
    }

    /// How many fields are left as they are, by why.
    pub fn left(&self, counts: impl IntoIterator<Item = (&'static str, usize)>) {
        for (reason, count) in counts {
            self.left.with_label_values(&[reason]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// How many resources are ours and declared nowhere, by kind and state.
    pub fn orphans(&self, counts: impl IntoIterator<Item = (&'static str, &'static str, usize)>) {
        for (kind, state, count) in counts {
            self.orphans.with_label_values(&[kind, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// What is in the way of every deletion.
    pub fn prune_blocked(&self, reasons: impl IntoIterator<Item = (&'static str, bool)>) {
        for (reason, blocked) in reasons {
            self.prune_blocked.with_label_values(&[reason]).set(i64::from(blocked));
        }
    }

    /// Everything in Prometheus's text format.
    ///
    /// # Errors
    /// When the encoder fails, which only a bug makes it do.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_table_is_exported() {
        let metrics = Metrics::new().unwrap();
        metrics.aws_call("ecs", "DescribeServices", true, true);
        metrics.action("ecs:CreateService", true);
        metrics.pass(Duration::from_secs(1), true, true, SystemTime::now());
        metrics.directory(true, 0);
        metrics.left([("NonConverging", 1)]);
        metrics.orphans([("Service", "to_delete", 1)]);
        metrics.prune_blocked([("Budget", true)]);
        metrics.resources([("Service", "in_sync", 1)], [("Service", "web", SystemTime::now())]);
        let text = metrics.text().unwrap();
        for row in METRICS {
            assert!(text.contains(&format!("# TYPE {} ", row.name)), "{} is missing", row.name);
        }
    }
}
