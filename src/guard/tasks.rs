//! What containers may come from, which roles they get, and what of their host they may touch.

use super::rules::Rule;
use super::statement::Text;
use super::{Finding, Guard, Setting, glob};
use crate::resolve::FREE;
use crate::resource::Resource;
use crate::value::{Path, Value};

/// Capabilities with which a container is its host's root in all but name (capabilities(7)).
const CAPABILITIES: &[&str] = &["ALL", "SYS_ADMIN"];

/// What is wrong with a task definition.
pub(super) fn check(guard: &Guard<'_>, definition: &Resource) -> Vec<Finding> {
    let mut findings = images(guard, definition);
    if guard.refuses(Rule::Privileged, definition) {
        findings.extend(privileged(definition));
    }
    if guard.refuses(Rule::HostNetwork, definition) {
        findings.extend(host_network(definition));
    }
    if guard.refuses(Rule::HostVolumes, definition) {
        findings.extend(host_volumes(definition));
    }
    findings
}

/// The elements of a list in a spec, with their places.
fn elements<'r>(resource: &'r Resource, member: &str) -> Vec<(Path, &'r Value)> {
    let at = resource.origin.key(member);
    let items = resource.spec.get(member).and_then(Value::as_array).into_iter().flatten();
    items.enumerate().map(|(index, item)| (at.index(index), item)).collect()
}

fn images(guard: &Guard<'_>, definition: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in guard.settings(Rule::ImageRegistries, definition) {
        let Setting::Texts(known) = setting else { continue };
        for (path, container) in elements(definition, "containerDefinitions") {
            let Some(image) = container.get("image").and_then(Value::as_str) else { continue };
            if !known.iter().any(|known| comes_from(image, known)) {
                findings.push(Finding {
                    why: format!("the image `{image}` comes from elsewhere"),
                    fix: format!("take images from {}", known.join(", ")),
                    ..Finding::new(Rule::ImageRegistries, path.key("image"), image)
                });
            }
        }
    }
    findings
}

/// Whether an image is in a registry or below a repository, compared part by part, so that no star
/// reaches over a slash. Names without a registry are Docker Hub's.
fn comes_from(image: &str, known: &str) -> bool {
    let first = image.split('/').next().unwrap_or_default();
    let has_host = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let full = match (has_host, image.contains('/')) {
        (true, _) => image.to_owned(),
        (false, true) => format!("docker.io/{image}"),
        (false, false) => format!("docker.io/library/{image}"),
    };
    let without_tag = full.split('@').next().unwrap_or_default();
    let parts: Vec<&str> = without_tag.split('/').collect();
    let wanted: Vec<&str> = known.trim_end_matches('/').split('/').collect();
    wanted.len() <= parts.len()
        && wanted.iter().zip(&parts).enumerate().all(|(index, (wanted, part))| {
            let last = index + 1 == parts.len();
            let part = if last && index > 0 { part.split(':').next().unwrap_or_default() } else { part };
            glob::matches(wanted, part)
        })
}

/// Roles that a resource of ECS is to have: a manifest needs no permission of its own to name one, as
/// the daemon passes it on.
pub(super) fn roles(guard: &Guard<'_>, resource: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in guard.settings(Rule::PassedRoles, resource) {
        let Setting::Texts(known) = setting else { continue };
        let mut named = Vec::new();
        roles_in(&resource.spec, &resource.origin, &mut named);
        for Text { path, text } in named {
            // ECS takes a bare name for a role at the root of the account.
            let arn =
                if text.starts_with("arn:") { text.to_owned() } else { guard.account.iam_arn(&format!("role/{text}")) };
            if !known.iter().any(|known| glob::matches(known, &arn)) {
                findings.push(Finding {
                    why: format!("`{text}` is not a role that may be named here"),
                    fix: format!("take one of {}", known.join(", ")),
                    ..Finding::new(Rule::PassedRoles, path, text)
                });
            }
        }
    }
    findings
}

/// Whether a member of a request holds a role or an instance profile, by its name in the ECS API.
fn holds_role(member: &str) -> bool {
    member == "role" || member.ends_with("oleArn") || member.ends_with("nstanceProfileArn")
}

fn roles_in<'r>(value: &'r Value, path: &Path, found: &mut Vec<Text<'r>>) {
    match value {
        Value::Object(map) => {
            // In these a team chooses the keys.
            for (member, value) in map.iter().filter(|(member, _)| !FREE.contains(&member.as_str())) {
                let path = path.key(member);
                match value.as_str() {
                    Some(text) if holds_role(member) => found.push(Text { path, text }),
                    _ => roles_in(value, &path, found),
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| roles_in(item, &path.index(index), found));
        }
        _ => {}
    }
}

fn privileged(definition: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, container) in elements(definition, "containerDefinitions") {
        if container.get("privileged") == Some(&Value::Bool(true)) {
            findings.push(Finding {
                why: "a privileged container owns its host, and the credentials there".to_owned(),
                fix: "take `privileged` out".to_owned(),
                ..Finding::new(Rule::Privileged, path.key("privileged"), "privileged")
            });
        }
        let added = container.pointer("/linuxParameters/capabilities/add").and_then(Value::as_array);
        let at = path.key("linuxParameters").key("capabilities").key("add");
        for (index, capability) in added.into_iter().flatten().enumerate() {
            let name = capability.as_str().unwrap_or_default();
            if CAPABILITIES.iter().any(|known| known.eq_ignore_ascii_case(name.trim_start_matches("CAP_"))) {
                findings.push(Finding {
                    why: format!("a container with {name} owns its host"),
                    fix: "name the capabilities that are needed".to_owned(),
                    ..Finding::new(Rule::Privileged, at.index(index), name)
                });
            }
        }
    }
    findings
}

fn host_network(definition: &Resource) -> Vec<Finding> {
    let is_host = |member: &&&str| definition.spec.get(**member).is_some_and(|mode| mode == "host");
    let modes = ["networkMode", "pidMode", "ipcMode"];
    let finding = |member: &&str| Finding {
        why: format!("with {member}: host a task sees what else runs on its host"),
        fix: "take another mode, for example networkMode: awsvpc".to_owned(),
        ..Finding::new(Rule::HostNetwork, definition.origin.key(*member), member)
    };
    modes.iter().filter(is_host).map(finding).collect()
}

fn host_volumes(definition: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, volume) in elements(definition, "volumes") {
        let source = volume.pointer("/host/sourcePath").and_then(Value::as_str).filter(|path| !path.is_empty());
        let options = volume.pointer("/dockerVolumeConfiguration/driverOpts");
        let option = |name: &str| options.and_then(|options| options.get(name)).and_then(Value::as_str);
        // Docker's driver `local` binds a folder of the host that way; //server/share is one of a server.
        let binds = |device: &&str| match device.strip_prefix('/') {
            Some(rest) => !rest.starts_with('/'),
            None => option("o").is_some_and(|o| o.contains("bind")),
        };
        let bound = option("device").filter(binds);
        let found = [
            (source, path.key("host").key("sourcePath")),
            (bound, path.key("dockerVolumeConfiguration").key("driverOpts").key("device")),
        ];
        for (folder, at) in found {
            let Some(folder) = folder else { continue };
            findings.push(Finding {
                why: format!("the volume is the folder {folder} of the host"),
                fix: "take a volume without a source, or one on EFS".to_owned(),
                ..Finding::new(Rule::HostVolumes, at, folder)
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_compared_part_by_part() {
        let ecr = "123456789012.dkr.ecr.*.amazonaws.com";
        let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1";
        for known in [ecr, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop", "*/shop/web", "*/*/web/"] {
            assert!(comes_from(image, known), "{known}");
        }
        for known in ["*/web", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sho", "*/shop/web/x"] {
            assert!(!comes_from(image, known), "{known}");
        }
        assert!(!comes_from("evil.example/123456789012.dkr.ecr.x.amazonaws.com/web", "*.amazonaws.com"));
        assert!(!comes_from("123456789012.dkr.ecr.evil.example/x.amazonaws.com/web", ecr));
        for (image, known) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1@sha256:00", "docker.io/library/nginx"),
            ("team/app", "docker.io/team"),
            ("localhost:5000/app:1", "localhost:5000"),
            ("public.ecr.aws/nginx/nginx:1.27", "public.ecr.aws"),
        ] {
            assert!(comes_from(image, known), "{image} {known}");
        }
    }
}
