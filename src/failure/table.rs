//! The errors that are known, by code. The first row that fits counts, so that of one code the rows
//! with operations or words come before the one for everything else.

use super::{Class, Row};
use crate::model::Kind;

/// Roles, and the policies that give them rights.
const IAM: &[Kind] = &[Kind::Policy, Kind::Role];

const fn row(code: &'static str, class: Class, source: &'static str) -> Row {
    Row { code, operations: &[], words: "", class, young: &[], source }
}

const fn said(code: &'static str, words: &'static str, class: Class, source: &'static str) -> Row {
    Row { words, ..row(code, class, source) }
}

/// What passes by itself if a resource of these kinds was written lately.
const fn young(kinds: &'static [Kind], row: Row) -> Row {
    Row { young: kinds, ..row }
}

const fn on(operations: &'static [&'static str], row: Row) -> Row {
    Row { operations, ..row }
}

/// What a deletion asks for is so, if there is nothing of that name.
const GONE: &[&str] = &[
    "iam:DeleteInstanceProfile",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:RemoveRoleFromInstanceProfile",
];

const ECS: &str = "ECS service model";
const IAM_MODEL: &str = "IAM service model";
const COMMON: &str = "AWS common errors";
const TERRAFORM: &str = "terraform-provider-aws retries it";
const MEMORY: &str = "(from memory)";

const CONFLICT: Class = Class::Conflict;
const DENIED: Class = Class::Denied;
const NOT_READY: Class = Class::NotReady;
const BARRED: Class = Class::Barred;
const REJECTED: Class = Class::Rejected;
const THROTTLED: Class = Class::Throttled;
const TRANSIENT: Class = Class::Transient;

/// Every error that is known.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("AccessDenied", DENIED, COMMON),
    young(IAM, said("AccessDeniedException", "iam:PassRole", DENIED, "terraform-aws-ecs issue 414")),
    row("AccessDeniedException", DENIED, ECS),
    row("BlockedException", BARRED, ECS),
    said("ClientException", "Cluster was not ACTIVE", NOT_READY, TERRAFORM),
    young(&[Kind::Cluster], said("ClientException", "The referenced cluster was inactive", CONFLICT, MEMORY)),
    said("ClientException", "Too many concurrent attempts", CONFLICT, MEMORY),
    row("ClientException", REJECTED, ECS),
    row("ClusterContainsCapacityProviderException", NOT_READY, ECS),
    row("ClusterContainsContainerInstancesException", NOT_READY, ECS),
    row("ClusterContainsServicesException", NOT_READY, ECS),
    row("ClusterContainsTasksException", NOT_READY, ECS),
    young(&[Kind::Cluster], row("ClusterNotFoundException", CONFLICT, TERRAFORM)),
    row("ConcurrentModification", CONFLICT, "IAM service model: wait, and try again"),
    row("ConflictException", CONFLICT, ECS),
    row("DeleteConflict", NOT_READY, TERRAFORM),
    row("EntityAlreadyExists", CONFLICT, IAM_MODEL),
    row("EntityTemporarilyUnmodifiable", NOT_READY, "IAM service model: deleted, then created again"),
    row("ExpiredToken", TRANSIENT, COMMON),
    row("ExpiredTokenException", TRANSIENT, COMMON),
    row("IncompleteSignature", BARRED, COMMON),
    row("InternalFailure", TRANSIENT, COMMON),
    row("InternalServiceException", TRANSIENT, "Application Auto Scaling service model"),
    row("InvalidClientTokenId", BARRED, COMMON),
    row("InvalidInput", REJECTED, IAM_MODEL),
    said("InvalidParameterException", "Creation of service was not idempotent", CONFLICT, "answered for a service that is there"),
    said("InvalidParameterException", "Draining", NOT_READY, "ECS service model: a name is free once its service is INACTIVE"),
    // The first call of an account makes that role.
    said("InvalidParameterException", "assume the service linked role", NOT_READY, "pulumi-aws issue 1041"),
    said("InvalidParameterException", "cannot be stopped while", NOT_READY, TERRAFORM),
    said("InvalidParameterException", "does not have an associated load balancer", NOT_READY, TERRAFORM),
    young(IAM, said("InvalidParameterException", "unable to assume", REJECTED, "terraform-provider-aws issue 38538")),
    young(IAM, said("InvalidParameterException", "verify that the ECS service role being passed has the proper permissions", REJECTED, "terraform issue 4375")),
    row("InvalidParameterException", REJECTED, ECS),
    young(&[Kind::Role], said("InvalidParameterValue", "Invalid IAM Instance Profile name", REJECTED, TERRAFORM)),
    row("InvalidSignatureException", BARRED, COMMON),
    // Another pass removes the oldest version.
    on(&["iam:CreatePolicyVersion"], row("LimitExceeded", CONFLICT, "IAM quotas: five versions")),
    row("LimitExceeded", DENIED, "IAM quotas"),
    row("LimitExceededException", DENIED, ECS),
    young(IAM, said("MalformedPolicyDocument", "Invalid principal in policy", REJECTED, "opstrace issue 88")),
    row("MalformedPolicyDocument", REJECTED, IAM_MODEL),
    row("NamespaceNotFoundException", NOT_READY, ECS),
    on(GONE, row("NoSuchEntity", Class::Met, IAM_MODEL)),
    young(IAM, on(&["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary"], row("NoSuchEntity", REJECTED, TERRAFORM))),
    young(IAM, row("NoSuchEntity", CONFLICT, IAM_MODEL)),
    row("PackedPolicyTooLarge", REJECTED, "STS service model"),
    row("PlatformTaskDefinitionIncompatibilityException", REJECTED, ECS),
    row("PlatformUnknownException", REJECTED, ECS),
    row("PolicyNotAttachable", REJECTED, IAM_MODEL),
    row("RegionDisabledException", REJECTED, "STS service model"),
    row("RequestExpired", TRANSIENT, COMMON),
    row("RequestLimitExceeded", THROTTLED, COMMON),
    row("ResourceInUseException", NOT_READY, ECS),
    row("ResourceNotFoundException", NOT_READY, ECS),
    row("ServerException", TRANSIENT, ECS),
    row("ServiceFailure", TRANSIENT, IAM_MODEL),
    on(&["ecs:DeleteService"], row("ServiceNotActiveException", Class::Met, "ECS service model: it is draining, or gone")),
    row("ServiceNotActiveException", CONFLICT, "terraform-provider-aws issue 3582"),
    row("ServiceNotFoundException", CONFLICT, ECS),
    row("ServiceUnavailable", TRANSIENT, COMMON),
    row("SignatureDoesNotMatch", BARRED, COMMON),
    row("Throttling", THROTTLED, COMMON),
    row("ThrottlingException", THROTTLED, COMMON),
    row("TooManyRequestsException", THROTTLED, COMMON),
    row("UnmodifiableEntity", REJECTED, IAM_MODEL),
    row("UnrecognizedClientException", BARRED, COMMON),
    row("UnsupportedFeatureException", REJECTED, ECS),
    row("UpdateInProgressException", NOT_READY, ECS),
];
