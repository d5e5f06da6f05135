//! Task definitions.
//!
//! A revision never changes: any difference is a new one, and a false difference a restart of every
//! task. The effect of a change is therefore nowhere in these rows: a service that runs the family
//! is rolled, and without one nothing is.

use super::Absent::{Beside, Flag, Nothing, Number, Text, Where};
use super::Form::{Apart, Cpu, Echo, Keyed, Memory, Name, Ordered, Plain, Set, Telling};
use super::{Absent, ECSPRESSO, LIVE, MEMORY, MODEL, TERRAFORM, Table, UNKNOWN, row};
use crate::model::Kind::TaskDefinition;

/// With `awsvpc` and `host` a port is the same inside and outside, written or not; with `bridge`
/// Docker picks one.
const HOST_PORT: Absent =
    Where { member: "networkMode", is: &["awsvpc", "host"], then: &Beside("containerPort"), otherwise: &Number(0) };

const PORT: &[&str] = &["containerPort", "containerPortRange", "protocol"];

#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    Table { kind: TaskDefinition, at: "", rows: &[
        row("family",                  Plain,                 Nothing,        "", None, MODEL),
        row("tags",                    Apart,                 Nothing,        "", None, MODEL),
        row("taskRoleArn",             Name,                  Nothing,        "", None, MODEL),
        row("executionRoleArn",        Name,                  Nothing,        "", None, MODEL),
        row("networkMode",             Plain,                 Text("bridge"), "", None, MODEL),
        row("cpu",                     Cpu,                   Nothing,        "", None, ECSPRESSO),
        row("memory",                  Memory,                Nothing,        "", None, ECSPRESSO),
        row("requiresCompatibilities", Set,                   Nothing,        "", None, LIVE),
        row("placementConstraints",    Ordered,               Nothing,        "", None, LIVE),
        row("pidMode",                 Plain,                 Nothing,        "", None, MODEL),
        row("ipcMode",                 Plain,                 Nothing,        "", None, MODEL),
        row("ephemeralStorage",        Plain,                 Nothing,        "", None, MODEL),
        row("enableFaultInjection",    Plain,                 Flag(false),    "", None, MODEL),
        row("inferenceAccelerators",   Keyed(&["deviceName"]), Nothing,       "", None, UNKNOWN),
        row("proxyConfiguration",      Plain,                 Nothing,        "", None, MODEL),
        row("proxyConfiguration.properties", Keyed(&["name"]), Nothing,       "", None, TERRAFORM),
        row("runtimePlatform",         Plain,                 Nothing,        "", None, MODEL),
        row("runtimePlatform.operatingSystemFamily", Plain,   Text("LINUX"),  "", None, MEMORY),
        row("runtimePlatform.cpuArchitecture", Plain,         Text("X86_64"), "", None, MEMORY),
        row("containerDefinitions",    Keyed(&["name"]),      Nothing,        "", None, TERRAFORM),
        row("volumes",                 Keyed(&["name"]),      Nothing,        "", None, TERRAFORM),
    ] },

    Table { kind: TaskDefinition, at: "containerDefinitions.*", rows: &[
        row("cpu",                      Plain,                         Number(0),       "", None, LIVE),
        row("memory",                   Plain,                         Nothing,         "", None, LIVE),
        row("essential",                Plain,                         Flag(true),      "", None, MODEL),
        row("user",                     Plain,                         Text(""),        "", None, TERRAFORM),
        row("repositoryCredentials",    Plain,                         Nothing,         "", None, MODEL),
        row("command",                  Ordered,                       Nothing,         "", None, LIVE),
        row("entryPoint",               Ordered,                       Nothing,         "", None, LIVE),
        row("environment",              Keyed(&["name"]),              Nothing,         "", None, TERRAFORM),
        row("secrets",                  Keyed(&["name"]),              Nothing,         "", None, TERRAFORM),
        // Of a variable that two files set, the first file's value counts.
        row("environmentFiles",         Ordered,                       Nothing,         "", None, MODEL),
        row("portMappings",             Keyed(PORT),                   Nothing,         "", None, LIVE),
        row("portMappings.*.protocol",  Plain,                         Text("tcp"),     "", None, MODEL),
        row("portMappings.*.hostPort",  Plain,                         HOST_PORT,       "", None, MODEL),
        row("mountPoints",              Keyed(&["containerPath"]),     Nothing,         "", None, TERRAFORM),
        row("mountPoints.*.readOnly",   Plain,                         Flag(false),     "", None, MODEL),
        row("volumesFrom",              Keyed(&["sourceContainer"]),   Nothing,         "", None, LIVE),
        row("volumesFrom.*.readOnly",   Plain,                         Flag(false),     "", None, MODEL),
        row("links",                    Set,                           Nothing,         "", None, LIVE),
        row("dependsOn",                Ordered,                       Nothing,         "", None, LIVE),
        row("extraHosts",               Ordered,                       Nothing,         "", None, LIVE),
        row("dnsServers",               Ordered,                       Nothing,         "", None, LIVE),
        row("dnsSearchDomains",         Ordered,                       Nothing,         "", None, MEMORY),
        row("dockerSecurityOptions",    Ordered,                       Nothing,         "", None, LIVE),
        row("credentialSpecs",          Ordered,                       Nothing,         "", None, UNKNOWN),
        row("systemControls",           Keyed(&["namespace"]),         Nothing,         "", None, TERRAFORM),
        row("ulimits",                  Keyed(&["name"]),              Nothing,         "", None, TERRAFORM),
        row("resourceRequirements",     Keyed(&["type"]),              Nothing,         "", None, UNKNOWN),
        row("dockerLabels",             Plain,                         Nothing,         "", None, MODEL),
        row("privileged",               Plain,                         Flag(false),     "", None, MEMORY),
        row("readonlyRootFilesystem",   Plain,                         Flag(false),     "", None, MEMORY),
        row("disableNetworking",        Plain,                         Flag(false),     "", None, MEMORY),
        row("interactive",              Plain,                         Flag(false),     "", None, MEMORY),
        row("pseudoTerminal",           Plain,                         Flag(false),     "", None, MEMORY),
        row("startTimeout",             Plain,                         Nothing,         "", None, UNKNOWN),
        row("stopTimeout",              Plain,                         Number(30),      "", None, MEMORY),
        row("versionConsistency",       Plain,                         Text("enabled"), "", None, MODEL),
        row("healthCheck.command",      Ordered,                       Nothing,         "", None, MODEL),
        row("healthCheck.interval",     Plain,                         Number(30),      "", None, MODEL),
        row("healthCheck.timeout",      Plain,                         Number(5),       "", None, MODEL),
        row("healthCheck.retries",      Plain,                         Number(3),       "", None, MODEL),
        row("healthCheck.startPeriod",  Plain,                         Number(0),       "", None, MODEL),
        row("restartPolicy.enabled",              Plain,               Flag(false),     "", None, MEMORY),
        row("restartPolicy.ignoredExitCodes",     Set,                 Nothing,         "", None, UNKNOWN),
        row("restartPolicy.restartAttemptPeriod", Plain,               Number(300),     "", None, MODEL),
        row("logConfiguration.options",           Plain,               Nothing,         "", None, MODEL),
        row("logConfiguration.secretOptions",     Keyed(&["name"]),    Nothing,         "", None, UNKNOWN),
        row("firelensConfiguration.options",      Plain,               Nothing,         "", None, MODEL),
    ] },

    Table { kind: TaskDefinition, at: "containerDefinitions.*.linuxParameters", rows: &[
        row("initProcessEnabled",       Plain,                         Flag(false),     "", None, MEMORY),
        row("capabilities.add",         Set,                           Nothing,         "", None, LIVE),
        row("capabilities.drop",        Set,                           Nothing,         "", None, LIVE),
        row("devices",                  Keyed(&["hostPath"]),          Nothing,         "", None, UNKNOWN),
        row("devices.*.permissions",    Set,                           Nothing,         "", None, UNKNOWN),
        row("tmpfs",                    Keyed(&["containerPath"]),     Nothing,         "", None, UNKNOWN),
        // Of `ro` and `rw` the last one counts.
        row("tmpfs.*.mountOptions",     Ordered,                       Nothing,         "", None, MEMORY),
    ] },

    Table { kind: TaskDefinition, at: "volumes.*", rows: &[
        row("configuredAtLaunch",                             Plain, Flag(false),      "", None, MEMORY),
        // Without it the volume is a folder of the host.
        row("dockerVolumeConfiguration",                      Telling, Nothing,        "", None, MODEL),
        row("dockerVolumeConfiguration.scope",                Plain, Text("task"),     "", None, TERRAFORM),
        row("dockerVolumeConfiguration.autoprovision",        Plain, Flag(false),      "", None, MEMORY),
        row("dockerVolumeConfiguration.driverOpts",           Plain, Nothing,          "", None, MODEL),
        row("dockerVolumeConfiguration.labels",               Plain, Nothing,          "", None, MODEL),
        row("efsVolumeConfiguration.rootDirectory",           Plain, Text("/"),        "", None, MODEL),
        row("efsVolumeConfiguration.transitEncryption",       Plain, Text("DISABLED"), "", None, MODEL),
        row("efsVolumeConfiguration.authorizationConfig.iam", Plain, Text("DISABLED"), "", None, MODEL),
        row("s3filesVolumeConfiguration.rootDirectory",       Plain, Text("/"),        "", None, MODEL),
    ] },

    Table { kind: TaskDefinition, at: "", rows: &[
        row("taskDefinitionArn",  Echo, Nothing, "", None, MODEL),
        row("revision",           Echo, Nothing, "", None, MODEL),
        row("status",             Echo, Nothing, "", None, MODEL),
        row("compatibilities",    Echo, Nothing, "", None, MODEL),
        row("requiresAttributes", Echo, Nothing, "", None, MODEL),
        row("registeredAt",       Echo, Nothing, "", None, MODEL),
        row("registeredBy",       Echo, Nothing, "", None, MODEL),
        row("deregisteredAt",     Echo, Nothing, "", None, MODEL),
        row("deleteRequestedAt",  Echo, Nothing, "", None, MODEL),
    ] },
];
