//! Names that AWS would refuse, found before it is asked.

use super::{Fault, Resolver};
use crate::fence::epoch::FAMILY_PREFIX;
use crate::model::Kind;
use crate::resource::path_of_aws;
use crate::value::{Map, Path, Value};

/// Which names something may have.
struct Rule {
    /// What is named, with its article.
    what: &'static str,
    /// Who says so.
    service: &'static str,
    /// The longest name, in characters.
    most: usize,
    /// What may stand in it beside letters and digits.
    signs: &'static str,
    /// How it may not start.
    reserved: &'static [&'static str],
    /// Who keeps such names.
    keeper: &'static str,
}

/// IAM API reference: CreateRole, CreatePolicy, PutRolePolicy, CreateInstanceProfile.
const fn iam(what: &'static str, most: usize) -> Rule {
    Rule { what, service: "IAM", most, signs: "_+=,.@-", reserved: &[], keeper: "IAM" }
}

/// ECS API reference: CreateCluster, CreateService, RegisterTaskDefinition, CreateCapacityProvider.
const fn ecs(what: &'static str, reserved: &'static [&'static str]) -> Rule {
    Rule { what, service: "ECS", most: 255, signs: "-_", reserved, keeper: "ECS" }
}

const INSTANCE_PROFILE: Rule = iam("an instance profile", 128);
const INLINE_POLICY: Rule = iam("an inline policy", 128);
/// Evenkeel's own claims are revisions, too: a manifest among them would be taken for one.
const FAMILY: Rule = Rule { keeper: "Evenkeel", ..ecs("a family", &[FAMILY_PREFIX]) };
/// The longest path of a role or a policy (IAM API reference).
const PATH_MAX: usize = 512;

fn rule(kind: Kind) -> Option<Rule> {
    Some(match kind {
        Kind::AccountSettings => return None,
        Kind::Policy => iam("a policy", 128),
        Kind::Role => iam("a role", 64),
        Kind::Cluster => ecs("a cluster", &[]),
        Kind::CapacityProvider => ecs("a capacity provider", &["aws", "ecs", "fargate"]),
        Kind::TaskDefinition => FAMILY,
        Kind::Service => ecs("a service", &[]),
    })
}

impl Rule {
    /// Why it refuses a name.
    fn refuses(&self, name: &str) -> Option<String> {
        let Self { what, service, most, signs, reserved, keeper } = self;
        let length = name.chars().count();
        let fits = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
        if !(1..=*most).contains(&length) {
            return Some(format!("the name of {what} has 1 to {most} characters, and this has {length}"));
        }
        if !name.chars().all(fits) {
            let signs = signs.chars().map(String::from).collect::<Vec<_>>().join(" ");
            return Some(format!("`{name}` is no name for {what}: {service} takes letters, digits and {signs}"));
        }
        let start = reserved.iter().find(|start| name.starts_with(**start))?;
        Some(format!("`{name}` is no name for {what}: {keeper} keeps names that start with `{start}` to itself"))
    }
}

/// What is wrong with a path, and what to do about it.
fn refuses_path(path: &str) -> Option<(String, String)> {
    if let Some(start) = path_of_aws(path) {
        return Some((
            format!("`{path}` belongs to AWS: nobody else makes anything below {start}"),
            "take another path".into(),
        ));
    }
    let framed = path == "/" || (path.len() > 2 && path.starts_with('/') && path.ends_with('/'));
    // IAM: any printable character of ASCII.
    if framed && path.len() <= PATH_MAX && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let hint = match path.trim_matches('/') {
        "" => "write / or /division/team/".to_owned(),
        inner => format!("write /{inner}/"),
    };
    let message = format!("a path starts and ends with `/`, holds no spaces, and has at most {PATH_MAX} characters");
    Some((message, if path.len() > PATH_MAX { "shorten it".to_owned() } else { hint }))
}

impl Resolver<'_> {
    /// Reports every name in the spec that AWS would refuse.
    pub(super) fn check_names(&mut self, root: &Path, spec: &Map<String, Value>, name: &str) {
        let kind = self.manifest.key.kind;
        if let (Some(rule), Some(field)) = (rule(kind), kind.row().name_field) {
            self.check_name(&rule, root, spec, field, name);
        }
        if !matches!(kind, Kind::Policy | Kind::Role) {
            return;
        }
        let path = root.key("path");
        let written = spec.get("path").and_then(Value::as_str).filter(|_| !self.unknown.contains(&path));
        if let Some((message, hint)) = written.and_then(refuses_path) {
            self.fault(&path, message, Some(hint));
        }
        if let Some(profile) = spec.get("instanceProfile").and_then(Value::as_str) {
            self.check_name(&INSTANCE_PROFILE, root, spec, "instanceProfile", profile);
        }
        for name in spec.get("inlinePolicies").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            if self.is_full() {
                break;
            }
            if let Some(message) = INLINE_POLICY.refuses(name) {
                let path = root.key("inlinePolicies").key(name);
                self.faults.push(Fault { key: self.manifest.key.clone(), path, on_key: true, message, hint: None });
            }
        }
    }

    /// Reports the family of an inline task definition, unless the service's own name is wrong in the same way.
    pub(super) fn check_family(&mut self, path: &Path, spec: &Map<String, Value>, family: &str) {
        let service_has_own = self.manifest.spec.get("serviceName").is_some();
        if spec.contains_key("family") || service_has_own {
            self.check_name(&FAMILY, path, spec, "family", family);
        }
    }

    /// A name is written in its field, or else it is the manifest's.
    fn check_name(&mut self, rule: &Rule, root: &Path, spec: &Map<String, Value>, field: &str, name: &str) {
        let Some(message) = rule.refuses(name) else { return };
        let written = root.key(field);
        if spec.contains_key(field) {
            // What is no text is reported as such, and what stands for nothing is reported already.
            if spec[field].is_string() && !self.unknown.contains(&written) {
                self.fault(&written, message, None);
            }
        } else {
            let hint = format!("rename the manifest, or set `{written}`");
            self.fault(&Path::default().key("metadata").key("name"), message, Some(hint));
        }
    }
}
