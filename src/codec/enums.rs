//! The legal values of every enum-typed member: the SDK keeps an unknown value as it is, and AWS
//! would refuse it only when the request arrives. The values are the SDK's own lists.

use aws_sdk_ecs::types::*;

type Values = fn() -> &'static [&'static str];

/// (structure, member) → the SDK's list of values. Sorted. A test walks every input structure and
/// fails when an enum-typed member is missing here.
const ENUMS: &[(&str, &str, Values)] = &[
    ("AutoRepairConfiguration", "actionsStatus", AutoRepairActionsStatus::values),
    ("AutoScalingGroupProvider", "managedDraining", ManagedDraining::values),
    ("AutoScalingGroupProvider", "managedTerminationProtection", ManagedTerminationProtection::values),
    ("AutoScalingGroupProviderUpdate", "managedDraining", ManagedDraining::values),
    ("AutoScalingGroupProviderUpdate", "managedTerminationProtection", ManagedTerminationProtection::values),
    ("AwsVpcConfiguration", "assignPublicIp", AssignPublicIp::values),
    ("CapacityReservationRequest", "reservationPreference", CapacityReservationPreference::values),
    ("ClusterSetting", "name", ClusterSettingName::values),
    ("ContainerDefinition", "versionConsistency", VersionConsistency::values),
    ("ContainerDependency", "condition", ContainerCondition::values),
    ("CreateManagedInstancesProviderConfiguration", "propagateTags", PropagateMiTags::values),
    ("CreateServiceInput", "availabilityZoneRebalancing", AvailabilityZoneRebalancing::values),
    ("CreateServiceInput", "launchType", LaunchType::values),
    ("CreateServiceInput", "propagateTags", PropagateTags::values),
    ("CreateServiceInput", "schedulingStrategy", SchedulingStrategy::values),
    ("DeploymentConfiguration", "strategy", DeploymentStrategy::values),
    ("DeploymentController", "type", DeploymentControllerType::values),
    ("DeploymentEarlySuccessCriteria", "sourceServiceRevisionCleanup", ServiceRevisionCleanup::values),
    ("DeploymentLifecycleHook", "lifecycleStages", DeploymentLifecycleHookStage::values),
    ("DeploymentLifecycleHook", "targetType", DeploymentLifecycleHookTargetType::values),
    ("DeploymentLifecycleHookTimeoutConfiguration", "action", DeploymentLifecycleHookAction::values),
    ("Device", "permissions", DeviceCgroupPermission::values),
    ("DockerVolumeConfiguration", "scope", Scope::values),
    ("EBSTagSpecification", "propagateTags", PropagateTags::values),
    ("EBSTagSpecification", "resourceType", EbsResourceType::values),
    ("EFSAuthorizationConfig", "iam", EfsAuthorizationConfigIam::values),
    ("EFSVolumeConfiguration", "transitEncryption", EfsTransitEncryption::values),
    ("EnvironmentFile", "type", EnvironmentFileType::values),
    ("ExecuteCommandConfiguration", "logging", ExecuteCommandLogging::values),
    ("FirelensConfiguration", "type", FirelensConfigurationType::values),
    ("GatewayConnectorFilters", "accessTypes", AccessType::values),
    ("GatewayConnectorHealthCheck", "healthCheckProtocol", GatewayConnectorHealthCheckProtocol::values),
    ("InstanceLaunchTemplate", "capacityOptionType", CapacityOptionType::values),
    ("InstanceLaunchTemplate", "monitoring", ManagedInstancesMonitoringOptions::values),
    ("InstanceLaunchTemplateUpdate", "monitoring", ManagedInstancesMonitoringOptions::values),
    ("InstanceRequirementsRequest", "acceleratorManufacturers", AcceleratorManufacturer::values),
    ("InstanceRequirementsRequest", "acceleratorNames", AcceleratorName::values),
    ("InstanceRequirementsRequest", "acceleratorTypes", AcceleratorType::values),
    ("InstanceRequirementsRequest", "bareMetal", BareMetal::values),
    ("InstanceRequirementsRequest", "burstablePerformance", BurstablePerformance::values),
    ("InstanceRequirementsRequest", "cpuManufacturers", CpuManufacturer::values),
    ("InstanceRequirementsRequest", "instanceGenerations", InstanceGeneration::values),
    ("InstanceRequirementsRequest", "localStorage", LocalStorage::values),
    ("InstanceRequirementsRequest", "localStorageTypes", LocalStorageType::values),
    ("LogConfiguration", "logDriver", LogDriver::values),
    ("ManagedScaling", "status", ManagedScalingStatus::values),
    ("PlacementConstraint", "type", PlacementConstraintType::values),
    ("PlacementStrategy", "type", PlacementStrategyType::values),
    ("PortMapping", "appProtocol", ApplicationProtocol::values),
    ("PortMapping", "protocol", TransportProtocol::values),
    ("ProxyConfiguration", "type", ProxyConfigurationType::values),
    ("PutAccountSettingDefaultInput", "name", SettingName::values),
    ("RegisterTaskDefinitionInput", "ipcMode", IpcMode::values),
    ("RegisterTaskDefinitionInput", "networkMode", NetworkMode::values),
    ("RegisterTaskDefinitionInput", "pidMode", PidMode::values),
    ("RegisterTaskDefinitionInput", "requiresCompatibilities", Compatibility::values),
    ("ResourceRequirement", "type", ResourceType::values),
    ("RuntimePlatform", "cpuArchitecture", CpuArchitecture::values),
    ("RuntimePlatform", "operatingSystemFamily", OsFamily::values),
    ("ServiceConnectAccessLogConfiguration", "format", ServiceConnectAccessLoggingFormat::values),
    ("ServiceConnectAccessLogConfiguration", "includeQueryParameters", ServiceConnectIncludeQueryParameters::values),
    ("ServiceConnectContainerConfiguration", "logLevel", ServiceConnectContainerLogLevel::values),
    ("ServiceManagedEBSVolumeConfiguration", "filesystemType", TaskFilesystemType::values),
    ("TaskDefinitionPlacementConstraint", "type", TaskDefinitionPlacementConstraintType::values),
    ("ThresholdConfiguration", "type", ThresholdType::values),
    ("Ulimit", "name", UlimitName::values),
    ("UpdateManagedInstancesProviderConfiguration", "propagateTags", PropagateMiTags::values),
    ("UpdateServiceInput", "availabilityZoneRebalancing", AvailabilityZoneRebalancing::values),
    ("UpdateServiceInput", "propagateTags", PropagateTags::values),
];

/// The values that `member` of `structure` may have, when it is an enum.
#[must_use]
pub fn values(structure: &str, member: &str) -> Option<&'static [&'static str]> {
    ENUMS.binary_search_by(|(s, m, _)| (*s, *m).cmp(&(structure, member))).ok().map(|at| ENUMS[at].2())
}
