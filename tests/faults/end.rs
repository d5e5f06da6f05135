//! What an account is like: as a whole at the end, and in what must not break in between.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel::sandbox::iam::Rights;
use evenkeel::sandbox::{REGION, Request, Sandbox, State};
use evenkeel::world::{OWNER_TAG, RESTART_OF_TAG};
use serde_json::{Value, json};

/// Members of ECS's answers that differ from run to run: when something happened, and ids that AWS
/// makes. Events tell of both. The revisions of a service and its deployments are compared by
/// themselves, the tasks by their number.
const LEFT_OUT: &[&str] = &[
    "arn",
    "createdAt",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deregisteredAt",
    "events",
    "finishedAt",
    "id",
    "registeredAt",
    "requestedTestTraffic",
    "serviceDeploymentArn",
    "startedAt",
    "stoppedAt",
    "updatedAt",
];

/// The same of what the simulated IAM keeps.
const LEFT_OUT_OF_IAM: &[&str] = &["created: ", "id: ", "issued: ", "updated: "];

/// What must not break, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    /// What every role may do.
    pub(crate) rights: BTreeMap<String, Rights>,
    /// Every resource that is there and not on its way out.
    pub(crate) present: BTreeSet<String>,
}

impl Moment {
    pub(crate) fn of(state: &mut State) -> Self {
        let mut present: BTreeSet<String> = state.iam.tagged(OWNER_TAG).into_keys().collect();
        let rights = state.iam.rights();
        let region = state.ecs.region(REGION);
        for cluster in region.clusters.values().filter(|cluster| cluster.is_active()) {
            present.insert(cluster.arn().to_owned());
            let services = cluster.services.values().filter(|service| service.is_active());
            present.extend(services.map(|service| service.text("serviceArn").to_owned()));
        }
        let revisions = region.families.values().flat_map(|family| family.revisions.values());
        present.extend(revisions.filter(|one| one.text("status") == "ACTIVE").map(|one| one.arn().to_owned()));
        let providers = region.capacity_providers.iter().filter(|(_, provider)| provider.is_active());
        present.extend(providers.map(|(name, _)| format!("capacity-provider/{name}")));
        Self { rights, present }
    }

    /// What is broken here, on the way from one state to another: something that both have is
    /// missing, or a role may do, for a moment, what neither lets it do.
    pub(crate) fn complaints(&self, old: &Self, new: &Self) -> Vec<String> {
        let missing = old.present.intersection(&new.present).filter(|arn| !self.present.contains(*arn));
        let mut complaints: Vec<String> = missing.map(|arn| format!("{arn} is gone for a moment")).collect();
        let nothing = Rights::default();
        for (role, now) in &self.rights {
            let (was, is) = (old.rights.get(role).unwrap_or(&nothing), new.rights.get(role).unwrap_or(&nothing));
            complaints.extend(too_much(now, was, is).map(|why| format!("the role {role} {why}")));
        }
        complaints
    }
}

/// Why a role may do more than both before and after.
fn too_much(now: &Rights, old: &Rights, new: &Rights) -> Option<String> {
    if ![&old.trust, &new.trust].contains(&&now.trust) {
        return Some(format!("trusts {}", now.trust));
    }
    if ![&old.boundary, &new.boundary].contains(&&now.boundary) {
        return Some(format!("has the boundary {:?}", now.boundary));
    }
    for (name, document) in &now.policies {
        if ![old.policies.get(name), new.policies.get(name)].contains(&Some(document)) {
            return Some(format!("has {name} as neither the old nor the new state has it: {document}"));
        }
    }
    // A policy that is in both is on neither side, unless it only takes away or allows more.
    let documents =
        |name: &String| (old.policies.get(name).map(String::as_str), new.policies.get(name).map(String::as_str));
    let only_new = |name: &&String, now: &String| match documents(name) {
        (Some(was), Some(is)) => now == is && widens(was, is),
        (was, _) => was.is_none(),
    };
    let yet_to_go = |name: &&String, now: &String| match documents(name) {
        (Some(was), Some(is)) => now == was && widens(is, was) && !widens(was, is),
        (_, is) => is.is_none(),
    };
    let first = now.policies.iter().find(|(name, now)| only_new(name, now)).map(|(name, _)| name);
    let last = now.policies.iter().find(|(name, now)| yet_to_go(name, now)).map(|(name, _)| name);
    match (first, last) {
        (Some(new_one), Some(old_one)) => Some(format!("has {new_one} before it has lost {old_one}")),
        (Some(policy), None) if now.boundary != new.boundary => Some(format!("has {policy} before its boundary")),
        (Some(policy), None) if now.trust != new.trust => {
            Some(format!("has {policy} while it still trusts {}", now.trust))
        }
        _ => None,
    }
}

/// Whether a document names an action that another does not, be it by the beginning of its name.
fn widens(old: &str, new: &str) -> bool {
    let known = actions(old);
    let is_known = |action: &String| {
        known
            .iter()
            .any(|known| known == action || known.strip_suffix('*').is_some_and(|start| action.starts_with(start)))
    };
    !actions(new).iter().all(is_known)
}

fn actions(document: &str) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = list(&document["Statement"]);
    let actions = statements.iter().flat_map(|statement| list(&statement["Action"]));
    actions.filter_map(|action| action.as_str().map(str::to_owned)).collect()
}

/// Everything that AWS answers of the account, line by line, but for what is left out.
pub(crate) fn lines(sandbox: &Sandbox) -> Vec<String> {
    let mut questions: Vec<(&str, Value)> = Vec::new();
    let mut lines = Vec::new();
    {
        let mut state = sandbox.state();
        let iam = format!("{:#?}", state.iam);
        let fixed = |line: &&str| !LEFT_OUT_OF_IAM.iter().any(|name| line.trim_start().starts_with(name));
        lines.extend(iam.lines().filter(fixed).filter(|line| !line.contains("AROA")).map(str::to_owned));
        let region = state.ecs.region(REGION);
        lines.push(format!("{:?}", region.settings));
        for name in region.capacity_providers.keys() {
            questions.push(("DescribeCapacityProviders", json!({ "capacityProviders": [name], "include": ["TAGS"] })));
        }
        for (family, all) in &region.families {
            for number in all.revisions.keys() {
                let revision = json!({ "taskDefinition": format!("{family}:{number}"), "include": ["TAGS"] });
                questions.push(("DescribeTaskDefinition", revision));
            }
        }
        for (name, cluster) in &region.clusters {
            let include = ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "TAGS"];
            questions.push(("DescribeClusters", json!({ "clusters": [name], "include": include })));
            for service in cluster.services.keys() {
                let services = json!({ "cluster": name, "services": [service], "include": ["TAGS"] });
                questions.push(("DescribeServices", services));
                questions.push(("ListServiceDeployments", json!({ "cluster": name, "service": service })));
            }
        }
    }
    for (operation, input) in questions {
        flatten(&format!("{operation} {input}"), &ask(sandbox, operation, &input), &mut lines);
    }
    lines
}

fn ask(sandbox: &Sandbox, operation: &str, input: &Value) -> Value {
    let target = Some(format!("AmazonEC2ContainerServiceV20141113.{operation}"));
    let answer = sandbox.handle(&Request { target, body: input.to_string().into_bytes(), ..Request::default() });
    serde_json::from_slice(&answer.map(|answer| answer.body).unwrap_or_default()).unwrap_or_default()
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
                flatten(&format!("{path}.{name}"), value, lines);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.get("key").is_some()) => {
            let tag = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let tags: BTreeMap<String, String> =
                items.iter().map(|item| (tag(item, "key"), tag(item, "value"))).collect();
            // The id of a deployment.
            let shown = |key: &str, value: String| if key == RESTART_OF_TAG { String::new() } else { value };
            lines.extend(tags.into_iter().map(|(key, value)| format!("{path}[{key}] {}", shown(&key, value))));
        }
        Value::Array(items) => {
            lines.push(format!("{path} has {}", items.len()));
            for (n, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{n}]"), item, lines);
            }
        }
        Value::String(text) => lines.push(format!("{path} {}", without_ids(text))),
        value => lines.push(format!("{path} {value}")),
    }
}

/// A text without the ids of deployments and of service revisions, which are 19 digits.
fn without_ids(text: &str) -> String {
    let pieces = text.split_inclusive(|c: char| !c.is_ascii_digit());
    let id = |piece: &str| piece.chars().take_while(char::is_ascii_digit).count() >= 19;
    pieces.map(|piece| if id(piece) { piece.trim_start_matches(|c: char| c.is_ascii_digit()) } else { piece }).collect()
}

/// The first lines that differ.
pub(crate) fn difference(expected: &[String], found: &[String]) -> Option<String> {
    let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
    let line = |lines: &[String]| lines.get(at).map_or("nothing more", |line| line.trim()).to_owned();
    let (expected, found) = (line(expected), line(found));
    // What stands before the difference is enough once.
    let same = expected.chars().zip(found.chars()).take_while(|(a, b)| a == b).count().saturating_sub(20);
    let found: String = found.chars().skip(same).collect();
    Some(format!("the end differs: expected `{expected}`, found `…{found}`"))
}

mod of_these_oracles {
    use super::*;

    fn rights(trust: &str, boundary: Option<&str>, policies: &[(&str, &str)]) -> Rights {
        let policies = policies.iter().map(|(name, document)| ((*name).to_owned(), (*document).to_owned())).collect();
        Rights { trust: trust.to_owned(), boundary: boundary.map(str::to_owned), policies }
    }

    #[test]
    fn a_role_that_has_more_than_before_and_after_for_a_moment_is_seen() {
        let old = rights("a", None, &[("Old", "1"), ("Both", "1")]);
        let new = rights("b", Some("bound"), &[("New", "1"), ("Both", "2")]);
        let fine = [
            old.clone(),
            new.clone(),
            rights("b", None, &[("Old", "1"), ("Both", "2")]),
            rights("b", Some("bound"), &[("Both", "1")]),
            rights("b", Some("bound"), &[("Both", "1"), ("New", "1")]),
        ];
        for now in fine {
            assert_eq!(too_much(&now, &old, &new), None, "{now:?}");
        }
        let wrong = [
            rights("c", None, &[]),
            rights("a", Some("other"), &[]),
            rights("b", Some("bound"), &[("Both", "3")]),
            rights("b", Some("bound"), &[("Old", "1"), ("New", "1")]),
            rights("b", None, &[("New", "1")]),
            rights("a", Some("bound"), &[("New", "1")]),
            rights("a", None, &[("Stranger", "1")]),
        ];
        for now in wrong {
            assert!(too_much(&now, &old, &new).is_some(), "{now:?}");
        }
    }

    #[test]
    fn a_policy_that_allows_more_before_something_is_lost_is_seen() {
        let of = |action: &str| json!({ "Statement": { "Action": action } }).to_string();
        let (narrow, wide) = (of("s3:Get*"), of("s3:*"));
        let old = rights("a", None, &[("More", &narrow), ("Less", &wide), ("Old", &wide)]);
        let new = rights("b", Some("bound"), &[("More", &wide), ("Less", &narrow)]);
        let fine = rights("b", Some("bound"), &[("More", &wide), ("Less", &narrow)]);
        assert_eq!(too_much(&fine, &old, &new), None);
        let wrong = [
            rights("b", Some("bound"), &[("More", &wide), ("Less", &narrow), ("Old", &wide)]),
            rights("b", Some("bound"), &[("More", &wide), ("Less", &wide)]),
            rights("b", None, &[("More", &wide), ("Less", &narrow)]),
            rights("a", Some("bound"), &[("More", &wide), ("Less", &narrow)]),
        ];
        for now in wrong {
            assert!(too_much(&now, &old, &new).is_some(), "{now:?}");
            // The same with nothing that allows more yet is fine.
            let mut earlier = now;
            earlier.policies.insert("More".to_owned(), narrow.clone());
            assert_eq!(too_much(&earlier, &old, &new), None, "{earlier:?}");
        }
    }

    #[test]
    fn what_is_gone_for_a_moment_is_seen() {
        let moment = |present: &[&str]| Moment {
            rights: BTreeMap::new(),
            present: present.iter().map(|arn| (*arn).to_owned()).collect(),
        };
        let (old, new) = (moment(&["a", "b"]), moment(&["a", "c"]));
        assert_eq!(moment(&["a"]).complaints(&old, &new), [""; 0]);
        assert_eq!(moment(&["b", "c"]).complaints(&old, &new), ["a is gone for a moment"]);
    }

    #[test]
    fn times_and_ids_are_no_difference_and_everything_else_is() {
        let mut lines = [Vec::new(), Vec::new(), Vec::new()];
        flatten("x", &json!({ "id": "1", "tags": [{ "key": "b", "value": "2" }], "n": [1] }), &mut lines[0]);
        flatten("x", &json!({ "id": "2", "tags": [{ "key": "b", "value": "2" }], "n": [1] }), &mut lines[1]);
        flatten("x", &json!({ "id": "2", "tags": [{ "key": "b", "value": "3" }], "n": [1] }), &mut lines[2]);
        assert_eq!(difference(&lines[0], &lines[1]), None);
        assert!(difference(&lines[0], &lines[2]).is_some());
    }
}
