//! Texts as manifests hold them: references, variables, and what is yet to be filled in.

use super::text::{self, Piece};
use super::types::{self, Meaning};
use super::{Converter, Named};
use crate::resolve::{may_refer, placeholder, reference_kind};
use crate::value::{Path, Value};
use serde_json::json;

/// How far the name of one resource may lead to that of another.
const NAMES_DEEP_MAX: usize = 8;
/// Begins a value that CloudFormation fetches from Systems Manager or Secrets Manager.
const DYNAMIC: &str = "{{resolve:";

impl Converter<'_> {
    /// What a text of the template at `path` is at `target` in the manifest.
    pub(super) fn rendered(&mut self, text: &str, path: &Path, target: &Path) -> Value {
        if let [Piece::Resource(logical, attribute)] = text::pieces(text).as_slice()
            && let Some(reference) = self.reference_to(logical, attribute, target)
        {
            return reference;
        }
        self.flat(text, path).into()
    }

    /// The text with everything written out that has no reference of its own.
    pub(super) fn flat(&mut self, text: &str, path: &Path) -> String {
        let out = self.flattened(text, path, 0);
        self.without_dynamic(out, path)
    }

    /// A resource as a reference, where the manifest takes one for what is meant.
    fn reference_to(&self, logical: &str, attribute: &str, target: &Path) -> Option<Value> {
        let (named, kind, meaning) = self.resource(logical, attribute)?;
        if !may_refer(target) {
            return None;
        }
        let profile = kind == types::INSTANCE_PROFILE;
        let wants_profile = target.last_key() == Some("ec2InstanceProfileArn");
        let own = types::find(kind)?.kind;
        match reference_kind(target) {
            Some(_) if profile != wants_profile => None,
            Some(_) if profile => {
                let role = self.profiles.get(logical)?;
                Some(json!({ "ref": self.names.get(role)?.key }))
            }
            Some(wanted) => (wanted == own).then(|| json!({ "ref": named.key })),
            None => (meaning == Meaning::Arn && !profile).then(|| json!({ "ref": format!("{own}/{}", named.key) })),
        }
    }

    fn resource(&self, logical: &str, attribute: &str) -> Option<(&Named, &str, Meaning)> {
        let kind = self.template.resources.get(logical)?.kind;
        Some((self.names.get(logical)?, kind, types::meaning(kind, attribute)?))
    }

    fn flattened(&mut self, text: &str, path: &Path, depth: usize) -> String {
        let mut out = String::new();
        for piece in text::pieces(text) {
            match piece {
                Piece::Text(text) => {
                    if text.contains("${AWS::") {
                        let message =
                            "the text holds a variable that CloudFormation leaves as it is outside of Fn::Sub";
                        let hint = "in a manifest it is written out: decide which of the two is meant";
                        self.note(path, message, Some(hint.to_owned()));
                    }
                    out.push_str(text);
                }
                Piece::Variable(name) => out.push_str(&format!("${{{name}}}")),
                Piece::Missing(what) => out.push_str(&placeholder(what)),
                Piece::Resource(logical, attribute) => {
                    out.push_str(&self.resource_as_text(logical, attribute, path, depth));
                }
            }
        }
        out
    }

    fn resource_as_text(&mut self, logical: &str, attribute: &str, path: &Path, depth: usize) -> String {
        let Some((named, kind, meaning)) = self.resource(logical, attribute) else { return String::new() };
        let (named, kind) = (named.clone(), kind.to_owned());
        if depth > NAMES_DEEP_MAX {
            self.note(path, format!("the name of {logical} depends on itself"), None);
            return placeholder(&format!("the name of {logical}"));
        }
        if meaning == Meaning::Revision {
            let message = format!("the revision of the task definition {logical} is not known");
            let hint = "a manifest refers to a family: each change makes a new revision";
            self.note(path, message, Some(hint.to_owned()));
            return placeholder(&format!("the ARN of the task definition {logical}"));
        }
        if named.made_up {
            let message = format!("the name that stands for the unknown one of {logical} is part of this text");
            let hint = format!("give the real one by --parameter {logical}=NAME, or correct it here, too");
            self.note(path, message, Some(hint));
        }
        let name = self.flattened(&named.name, path, depth + 1);
        if meaning == Meaning::Name {
            return name;
        }
        let iam =
            |folder: &str, path: &str| format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{folder}{path}{name}");
        let ecs = |rest: &str| format!("arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:{rest}{name}");
        match kind.as_str() {
            types::ROLE => iam("role", &self.flattened(&named.path, path, depth + 1)),
            types::MANAGED_POLICY => iam("policy", &self.flattened(&named.path, path, depth + 1)),
            types::INSTANCE_PROFILE => iam("instance-profile", &self.flattened(&named.path, path, depth + 1)),
            types::SERVICE => ecs(&format!("service/{}/", self.cluster_name(&named, path, depth + 1))),
            _ => ecs("cluster/"),
        }
    }

    /// The name of the cluster of a service: AWS's `default` when none is given.
    fn cluster_name(&mut self, service: &Named, path: &Path, depth: usize) -> String {
        let Some(cluster) = &service.cluster else { return "default".to_owned() };
        let cluster = match text::pieces(cluster).as_slice() {
            [Piece::Resource(logical, _)] => text::resource(logical, ""),
            _ => cluster.clone(),
        };
        let text = self.flattened(&cluster, path, depth);
        text.rsplit('/').next().unwrap_or(&text).to_owned()
    }

    /// The text without what CloudFormation would fetch from elsewhere.
    fn without_dynamic(&mut self, mut text: String, path: &Path) -> String {
        while let Some((before, after)) = text.split_once(DYNAMIC) {
            let Some((name, behind)) = after.split_once("}}") else { break };
            let name = format!("resolve:{name}");
            let value = self.asked(path, &name, &format!("the value of {name}"));
            let value = self.flattened(&value, path, 0).replace(DYNAMIC, "");
            text = format!("{before}{value}{behind}");
        }
        text
    }
}
