//! Services.

use super::Absent::{Beside, Flag, Nothing, Number, Off, Text, Where};
use super::Form::{Apart, Caseless, Echo, Keyed, Latest, Name, Ordered, Plain, Set, Swaps};
use super::{Absent, ECSPRESSO, LIVE, MODEL, REVISION, TERRAFORM, Table, UNKNOWN, row};
use crate::model::Effect::{NewTasksOnly, NoRestart, Replaces, RollsAllTasks};
use crate::model::Kind::Service;

const TARGET: &[&str] = &["targetGroupArn", "loadBalancerName", "containerName", "containerPort"];

/// A blue/green deployment ends with the two target groups in each other's place.
const BLUE_AND_GREEN: super::Form = Swaps("/targetGroupArn", "/advancedConfiguration/alternateTargetGroupArn");

/// A DAEMON has one task an instance, and never a second one beside it.
const fn replica_or_daemon(replica: &'static Absent, daemon: &'static Absent) -> Absent {
    Where { member: "schedulingStrategy", is: &["DAEMON"], then: daemon, otherwise: replica }
}

#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    Table { kind: Service, at: "", rows: &[
        row("serviceName",                   Name,                         Nothing,          "",           Some(Replaces),      MODEL),
        row("cluster",                       Name,                         Nothing,          "",           Some(Replaces),      MODEL),
        // A service with a capacity provider strategy has none.
        row("launchType",                    Plain,                        Nothing,          "",           Some(Replaces),      MODEL),
        row("schedulingStrategy",            Plain,                        Text("REPLICA"),  "",           Some(Replaces),      MODEL),
        row("role",                          Name,                         Nothing,          "",           Some(Replaces),      MODEL),
        // Whether it rolls is not known; so the graver of the two is said.
        row("deploymentController",          Plain,                        Nothing,          "",           Some(RollsAllTasks), UNKNOWN),
        row("deploymentController.type",     Plain,                        Text("ECS"),      "",           None,                LIVE),
        row("tags",                          Apart,                        Nothing,          "",           Some(NoRestart),     MODEL),
        row("clientToken",                   Apart,                        Nothing,          "",           Some(NoRestart),     MODEL),
        row("taskDefinition",                Name,                         Nothing,          "",           Some(RollsAllTasks), MODEL),
        row("desiredCount",                  Plain,                        Nothing,          "",           Some(NoRestart),     MODEL),
        row("deploymentConfiguration",       Plain,                        Nothing,          "",           Some(NoRestart),     MODEL),
        row("networkConfiguration",          Plain,                        Nothing,          "",           Some(RollsAllTasks), MODEL),
        row("loadBalancers",                 Keyed(TARGET),                Nothing,          "[]",         Some(RollsAllTasks), MODEL),
        row("loadBalancers.*",               BLUE_AND_GREEN,               Nothing,          "",           None,                ECSPRESSO),
        row("serviceRegistries",             Keyed(&["registryArn"]),      Nothing,          "[]",         Some(RollsAllTasks), MODEL),
        // No trigger in the model, but AWS refuses the change without forceNewDeployment. Cleared, the
        // service is back at its launch type.
        row("capacityProviderStrategy",      Keyed(&["capacityProvider"]), Nothing,          "[]",         Some(RollsAllTasks), TERRAFORM),
        row("capacityProviderStrategy.*.base",   Plain,                    Number(0),        "",           None,                MODEL),
        row("capacityProviderStrategy.*.weight", Plain,                    Number(0),        "",           None,                MODEL),
        // A task is placed where all of them hold.
        row("placementConstraints",          Set,                          Nothing,          "[]",         Some(NoRestart),     MODEL),
        row("placementStrategy",             Ordered,                      Nothing,          "[]",         Some(NoRestart),     LIVE),
        row("placementStrategy.*.field",     Caseless,                     Nothing,          "",           None,                LIVE),
        row("platformVersion",               Latest,                       Text("LATEST"),   "",           Some(RollsAllTasks), MODEL),
        row("healthCheckGracePeriodSeconds", Plain,                        Number(0),        "0",          Some(NoRestart),     MODEL),
        row("propagateTags",                 Plain,                        Text("NONE"),     "\"NONE\"",   Some(NewTasksOnly),  MODEL),
        row("enableECSManagedTags",          Plain,                        Flag(false),      "false",      Some(NewTasksOnly),  MODEL),
        row("enableExecuteCommand",          Plain,                        Flag(false),      "false",      Some(NewTasksOnly),  MODEL),
        // Left out, a new service is ENABLED and an old one keeps what it has, which it may never have had.
        row("availabilityZoneRebalancing",   Plain,                        Text("DISABLED"), "",           Some(NoRestart),     MODEL),
        row("serviceConnectConfiguration",   Plain,                        Nothing,  r#"{"enabled":false}"#, Some(RollsAllTasks), MODEL),
        row("volumeConfigurations",          Keyed(&["name"]),             Nothing,          "",           Some(RollsAllTasks), MODEL),
        row("vpcLatticeConfigurations",      Keyed(&["targetGroupArn"]),   Nothing,          "",           Some(RollsAllTasks), MODEL),
        row("vpcLatticeConfigurations.*",    BLUE_AND_GREEN,               Nothing,          "",           None,                UNKNOWN),
        // Nothing says that these two replace tasks; but they are in the service revision, which only a
        // deployment makes.
        row("gatewayConnectors",             Keyed(&["portName"]),         Nothing,          "",           Some(RollsAllTasks), REVISION),
        row("gatewayConnectors.*.filters.accessTypes", Set,                Nothing,          "",           None,                REVISION),
        row("monitoring",                    Plain,                        Nothing,          "",           Some(RollsAllTasks), REVISION),
        row("monitoring.metricConfigurations", Set,                        Nothing,          "",           None,                REVISION),
        row("monitoring.metricConfigurations.*.metricNames", Set,          Nothing,          "",           None,                REVISION),
    ] },

    Table { kind: Service, at: "networkConfiguration.awsvpcConfiguration", rows: &[
        row("subnets",        Set,   Nothing,          "", None, LIVE),
        row("securityGroups", Set,   Nothing,          "", None, LIVE),
        row("assignPublicIp", Plain, Text("DISABLED"), "", None, MODEL),
    ] },

    Table { kind: Service, at: "deploymentConfiguration", rows: &[
        row("maximumPercent",        Plain, replica_or_daemon(&Number(200), &Number(100)), "", None, MODEL),
        row("minimumHealthyPercent", Plain, replica_or_daemon(&Number(100), &Number(0)),   "", None, MODEL),
        row("strategy",              Plain, Text("ROLLING"), "",   None, ECSPRESSO),
        row("bakeTimeInMinutes",     Plain, Number(0),       "",   None, ECSPRESSO),
        row("alarms.alarmNames",     Set,   Nothing,         "",   None, ECSPRESSO),
        row("alarms.enable",         Plain, Flag(false),     "",   None, ECSPRESSO),
        row("alarms.rollback",       Plain, Flag(false),     "",   None, ECSPRESSO),
        row("lifecycleHooks",                                             Set,   Nothing,            "[]", None, UNKNOWN),
        row("lifecycleHooks.*.targetType",                                Plain, Text("AWS_LAMBDA"), "",   None, MODEL),
        row("lifecycleHooks.*.lifecycleStages",                           Set,   Nothing,            "",   None, UNKNOWN),
        row("lifecycleHooks.*.timeoutConfiguration.timeoutInMinutes",     Plain, Number(1440),       "",   None, MODEL),
        row("lifecycleHooks.*.timeoutConfiguration.action",               Plain, Text("ROLLBACK"),   "",   None, MODEL),
        row("linearConfiguration.stepPercent",                            Plain, Number(10),         "",   None, MODEL),
        row("linearConfiguration.stepBakeTimeInMinutes",                  Plain, Number(6),          "",   None, MODEL),
        row("canaryConfiguration.canaryPercent",                          Plain, Number(5),          "",   None, MODEL),
        row("canaryConfiguration.canaryBakeTimeInMinutes",                Plain, Number(10),         "",   None, MODEL),
        // Terraform's empty object: both members are required, and so go along as false.
        row("deploymentCircuitBreaker",                    Plain, Nothing,     r#"{"enable":false,"rollback":false}"#, None, TERRAFORM),
        row("deploymentCircuitBreaker.enable",                            Plain, Flag(false),        "",   None, ECSPRESSO),
        row("deploymentCircuitBreaker.rollback",                          Plain, Flag(false),        "",   None, ECSPRESSO),
        row("deploymentCircuitBreaker.resetOnHealthyTask",                Plain, Flag(true),         "",   None, MODEL),
        row("deploymentCircuitBreaker.thresholdConfiguration.type",       Plain, Text("BOUNDED_PERCENT"), "", None, ECSPRESSO),
        row("deploymentCircuitBreaker.thresholdConfiguration.value",      Plain, Number(50),         "",   None, ECSPRESSO),
        row("earlySuccessCriteria",                        Plain, Nothing,     r#"{"enable":false}"#,       None, ECSPRESSO),
        row("earlySuccessCriteria.enable",                                Plain, Flag(false),        "",   None, MODEL),
        row("earlySuccessCriteria.healthyPercent",                        Plain, Off(&Number(100)),  "",   None, MODEL),
        row("earlySuccessCriteria.sourceServiceRevisionCleanup",          Plain, Off(&Text("BLOCKING")), "", None, MODEL),
    ] },

    Table { kind: Service, at: "serviceConnectConfiguration", rows: &[
        row("enabled",                                     Plain,                    Flag(false),        "", None, MODEL),
        // A name comes back as a name and an ARN as an ARN.
        row("namespace",                                   Plain,                    Nothing,            "", None, LIVE),
        row("services",                                    Keyed(&["portName"]),     Nothing,            "", None, UNKNOWN),
        row("services.*.discoveryName",                    Plain,                    Beside("portName"), "", None, MODEL),
        // At most one.
        row("services.*.clientAliases",                    Keyed(&["port"]),         Nothing,            "", None, MODEL),
        row("logConfiguration.options",                    Plain,                    Nothing,            "", None, MODEL),
        row("logConfiguration.secretOptions",              Keyed(&["name"]),         Nothing,            "", None, UNKNOWN),
        row("accessLogConfiguration.includeQueryParameters", Plain,                  Text("DISABLED"),   "", None, MODEL),
        // Each sets one thing, and no two the same.
        row("containerConfigurations",                     Set,                      Nothing,            "", None, MODEL),
    ] },

    Table { kind: Service, at: "volumeConfigurations.*.managedEBSVolume", rows: &[
        row("filesystemType",           Plain,                    Text("xfs"), "", None, MODEL),
        row("tagSpecifications",        Keyed(&["resourceType"]), Nothing,     "", None, LIVE),
        row("tagSpecifications.*.tags", Keyed(&["key"]),          Nothing,     "", None, UNKNOWN),
    ] },

    Table { kind: Service, at: "", rows: &[
        row("serviceArn",               Echo, Nothing, "", None, MODEL),
        row("clusterArn",               Echo, Nothing, "", None, MODEL),
        row("status",                   Echo, Nothing, "", None, MODEL),
        row("roleArn",                  Echo, Nothing, "", None, MODEL),
        row("platformFamily",           Echo, Nothing, "", None, MODEL),
        row("runningCount",             Echo, Nothing, "", None, MODEL),
        row("pendingCount",             Echo, Nothing, "", None, MODEL),
        row("deployments",              Echo, Nothing, "", None, MODEL),
        row("taskSets",                 Echo, Nothing, "", None, MODEL),
        row("events",                   Echo, Nothing, "", None, MODEL),
        row("createdAt",                Echo, Nothing, "", None, MODEL),
        row("createdBy",                Echo, Nothing, "", None, MODEL),
        row("currentServiceDeployment", Echo, Nothing, "", None, MODEL),
        row("currentServiceRevisions",  Echo, Nothing, "", None, MODEL),
        row("resourceManagementType",   Echo, Nothing, "", None, MODEL),
    ] },
];
