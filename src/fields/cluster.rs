//! Clusters and capacity providers.

use super::Absent::{Flag, Nothing, Number, Text};
use super::Form::{Apart, Echo, Keyed, Name, Plain, Resolved, Set};
use super::{LIVE, MEMORY, MODEL, Table, UNKNOWN, row};
use crate::model::Effect::{NoRestart, Replaces};
use crate::model::Kind::{CapacityProvider, Cluster};

#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    Table { kind: Cluster, at: "", rows: &[
        row("clusterName",                     Name,                         Nothing,  "",                    Some(Replaces),  MODEL),
        row("tags",                            Apart,                        Nothing,  "",                    Some(NoRestart), MODEL),
        // containerInsights follows the account's setting: without the manifest's word any value is right.
        row("settings",                        Keyed(&["name"]),             Nothing,  "",                    Some(NoRestart), MODEL),
        row("configuration",                   Plain,                        Nothing,  "",                    Some(NoRestart), MODEL),
        row("capacityProviders",               Set,                          Nothing,  "[]",                  Some(NoRestart), LIVE),
        // It comes back in the order in which it was written, which says nothing.
        row("defaultCapacityProviderStrategy", Keyed(&["capacityProvider"]), Nothing,  "[]",                  Some(NoRestart), LIVE),
        row("defaultCapacityProviderStrategy.*.base",   Plain,               Number(0), "",                   None,            MODEL),
        row("defaultCapacityProviderStrategy.*.weight", Plain,               Number(0), "",                   None,            MODEL),
        row("serviceConnectDefaults",          Plain,                        Nothing,  r#"{"namespace":""}"#, Some(NoRestart), MODEL),
        // The answer gives the namespace's ARN, whose tail is its id and not the name that was sent.
        row("serviceConnectDefaults.namespace", Resolved,                    Text(""), "\"\"",                None,            MODEL),
    ] },

    Table { kind: Cluster, at: "configuration.executeCommandConfiguration", rows: &[
        row("logging",                                      Plain, Text("DEFAULT"), "", None, MODEL),
        row("logConfiguration.cloudWatchEncryptionEnabled", Plain, Flag(false),     "", None, MODEL),
        row("logConfiguration.s3EncryptionEnabled",         Plain, Flag(false),     "", None, MODEL),
    ] },

    Table { kind: Cluster, at: "", rows: &[
        row("clusterArn",                        Echo, Nothing, "", None, MODEL),
        row("status",                            Echo, Nothing, "", None, MODEL),
        row("statistics",                        Echo, Nothing, "", None, MODEL),
        row("attachments",                       Echo, Nothing, "", None, MODEL),
        row("attachmentsStatus",                 Echo, Nothing, "", None, MODEL),
        row("activeServicesCount",               Echo, Nothing, "", None, MODEL),
        row("pendingTasksCount",                 Echo, Nothing, "", None, MODEL),
        row("runningTasksCount",                 Echo, Nothing, "", None, MODEL),
        row("registeredContainerInstancesCount", Echo, Nothing, "", None, MODEL),
    ] },

    Table { kind: CapacityProvider, at: "", rows: &[
        row("name",                     Plain, Nothing, "", Some(Replaces),  MODEL),
        row("cluster",                  Name,  Nothing, "", Some(Replaces),  MODEL),
        row("tags",                     Apart, Nothing, "", Some(NoRestart), MODEL),
        row("autoScalingGroupProvider", Plain, Nothing, "", Some(NoRestart), MODEL),
        row("managedInstancesProvider", Plain, Nothing, "", Some(NoRestart), MODEL),
        row("capacityProviderArn",      Echo,  Nothing, "", None,            MODEL),
        row("status",                   Echo,  Nothing, "", None,            MODEL),
        row("type",                     Echo,  Nothing, "", None,            MODEL),
        row("updateStatus",             Echo,  Nothing, "", None,            MODEL),
        row("updateStatusReason",       Echo,  Nothing, "", None,            MODEL),
    ] },

    Table { kind: CapacityProvider, at: "autoScalingGroupProvider", rows: &[
        row("autoScalingGroupArn",                    Plain, Nothing,          "", Some(Replaces), MODEL),
        row("managedDraining",                        Plain, Text("ENABLED"),  "", None,           LIVE),
        row("managedTerminationProtection",           Plain, Text("DISABLED"), "", None,           MODEL),
        row("managedScaling.status",                  Plain, Text("DISABLED"), "", None,           MEMORY),
        row("managedScaling.targetCapacity",          Plain, Number(100),      "", None,           MODEL),
        row("managedScaling.minimumScalingStepSize",  Plain, Number(1),        "", None,           MODEL),
        row("managedScaling.maximumScalingStepSize",  Plain, Number(10_000),   "", None,           MODEL),
        row("managedScaling.instanceWarmupPeriod",    Plain, Number(300),      "", None,           MODEL),
    ] },

    // What UpdateCapacityProvider does not take can only be chosen once.
    Table { kind: CapacityProvider, at: "managedInstancesProvider.instanceLaunchTemplate", rows: &[
        row("networkConfiguration.subnets",           Set,   Nothing,           "", None,           MEMORY),
        row("networkConfiguration.securityGroups",    Set,   Nothing,           "", None,           MEMORY),
        row("monitoring",                             Plain, Text("BASIC"),     "", None,           MODEL),
        row("capacityOptionType",                     Plain, Text("ON_DEMAND"), "", Some(Replaces), MODEL),
        row("instanceMetadataTagsPropagation",        Plain, Flag(true),        "", None,           MODEL),
        // Off but in the GovCloud Regions.
        row("fipsEnabled",                            Plain, Nothing,           "", Some(Replaces), MODEL),
    ] },

    // Each of these says what an instance may be.
    Table { kind: CapacityProvider, at: "managedInstancesProvider.instanceLaunchTemplate.instanceRequirements", rows: &[
        row("cpuManufacturers",                       Set,   Nothing,           "", None,           UNKNOWN),
        row("instanceGenerations",                    Set,   Nothing,           "", None,           UNKNOWN),
        row("allowedInstanceTypes",                   Set,   Nothing,           "", None,           UNKNOWN),
        row("excludedInstanceTypes",                  Set,   Nothing,           "", None,           UNKNOWN),
        row("localStorageTypes",                      Set,   Nothing,           "", None,           UNKNOWN),
        row("acceleratorTypes",                       Set,   Nothing,           "", None,           UNKNOWN),
        row("acceleratorManufacturers",               Set,   Nothing,           "", None,           UNKNOWN),
        row("acceleratorNames",                       Set,   Nothing,           "", None,           UNKNOWN),
    ] },
];
