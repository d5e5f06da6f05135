//! Account settings, customer managed policies and roles.

use super::Absent::{Nothing, Number, Text};
use super::Form::{Apart, Echo, Plain, Policy, Set};
use super::{IAM, MODEL, Table, row};
use crate::model::Effect::{NoRestart, Replaces};
use crate::model::Kind;

#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    Table { kind: Kind::AccountSettings, at: "", rows: &[
        // Its spec is a map: setting → value.
        row("*",                        Plain,  Nothing,      "",     Some(NoRestart), MODEL),
    ] },

    Table { kind: Kind::Policy, at: "", rows: &[
        row("policyName",               Plain,  Nothing,      "",     Some(Replaces),  IAM),
        row("path",                     Plain,  Text("/"),    "",     Some(Replaces),  IAM),
        row("description",              Plain,  Text(""),     "",     Some(Replaces),  IAM),
        row("policyDocument",           Policy, Nothing,      "",     Some(NoRestart), IAM),
        row("versions",                 Echo,   Nothing,      "",     None,            IAM),
    ] },

    Table { kind: Kind::Role, at: "", rows: &[
        row("roleName",                 Plain,  Nothing,      "",     Some(Replaces),  IAM),
        row("path",                     Plain,  Text("/"),    "",     Some(Replaces),  IAM),
        row("description",              Plain,  Text(""),     "\"\"", Some(NoRestart), IAM),
        row("maxSessionDuration",       Plain,  Number(3600), "3600", Some(NoRestart), IAM),
        row("permissionsBoundary",      Plain,  Nothing,      "",     Some(NoRestart), IAM),
        row("assumeRolePolicyDocument", Policy, Nothing,      "",     Some(NoRestart), IAM),
        row("managedPolicyArns",        Set,    Nothing,      "",     Some(NoRestart), IAM),
        row("inlinePolicies",           Plain,  Nothing,      "",     Some(NoRestart), IAM),
        row("inlinePolicies.*",         Policy, Nothing,      "",     None,            IAM),
        // What these two ask for is compared by the planner of roles.
        row("policyMode",               Apart,  Nothing,      "",     Some(NoRestart), IAM),
        row("instanceProfile",          Apart,  Nothing,      "",     Some(NoRestart), IAM),
        row("instanceProfiles",         Echo,   Nothing,      "",     None,            IAM),
    ] },
];
