use super::*;
use crate::resource::TaskDefinition;

fn load_after(files: &[(&str, &str)], before: &Desired) -> Desired {
    let files: Vec<File> =
        files.iter().map(|(path, text)| File { path: (*path).into(), content: Ok(text.as_bytes().to_vec()) }).collect();
    load(&files, &Account::offline(None), before)
}

fn first(files: &[(&str, &str)]) -> Desired {
    load_after(files, &Desired::default())
}

fn manifest(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: evenkeel/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn stale(desired: &Desired) -> Vec<String> {
    desired.stale.iter().map(|file| file.display().to_string()).collect()
}

fn messages(desired: &Desired) -> String {
    desired.problems.iter().map(|problem| format!("{problem}\n")).collect()
}

const INLINE: &str = "{taskDefinition: {containerDefinitions: [{name: web, image: nginx}]}}";

/// Loads the good file, then a second one beside it that must not disturb it, then both again.
fn undisturbed(good: &str, newcomer: &str) -> Desired {
    let before = first(&[("m.yaml", good)]);
    assert_eq!(messages(&before), "");
    // The newcomer's file may come before or after.
    for name in ["a.yaml", "z.yaml"] {
        let once = load_after(&[("m.yaml", good), (name, newcomer)], &before);
        let twice = load_after(&[("m.yaml", good), (name, newcomer)], &once);
        for after in [once, twice] {
            assert_eq!(after.resources, before.resources, "{}", messages(&after));
            assert_eq!(stale(&after), [name], "{}", messages(&after));
            assert!(
                !after.problems.is_empty() && after.problems.iter().all(|problem| problem.file.as_os_str() == name)
            );
        }
    }
    load_after(&[("m.yaml", good), ("z.yaml", newcomer)], &before)
}

#[test]
fn a_newcomer_with_the_same_key_leaves_the_holder_and_what_refers_to_it_in_force() {
    let good = [
        manifest("Cluster", "main", "{}"),
        manifest("TaskDefinition", "job", "{containerDefinitions: [{name: web, image: nginx}]}"),
        manifest("Service", "web", "{cluster: {ref: main}, taskDefinition: {ref: job}}"),
        manifest("Service", "shop", INLINE),
    ];
    let good = good.join("---\n");
    let after = undisturbed(&good, &manifest("Cluster", "main", "{clusterName: other}"));
    assert!(messages(&after).contains("m.yaml:1 stays in force"), "{}", messages(&after));
    undisturbed(&good, &manifest("Service", "shop", "{taskDefinition: 'other:1'}"));
    undisturbed(&good, &manifest("TaskDefinition", "job", "{containerDefinitions: []}"));
    // The key of an inline task definition is taken, too.
    undisturbed(&good, &manifest("TaskDefinition", "shop", "{family: other, containerDefinitions: []}"));
    let job = manifest("Service", "job", INLINE);
    undisturbed(&good, &job);
}

#[test]
fn a_newcomer_with_the_same_name_in_aws_leaves_the_holder_in_force() {
    let good = [manifest("Role", "app", "{preset: task}"), manifest("Service", "shop", INLINE)].join("---\n");
    undisturbed(&good, &manifest("Role", "APP", "{preset: task}"));
    undisturbed(&good, &manifest("TaskDefinition", "z", "{family: shop, containerDefinitions: [{name: a, image: b}]}"));
    undisturbed(&good, &manifest("Service", "z", "{serviceName: shop, taskDefinition: 'web:1'}"));
}

#[test]
fn manifests_that_clash_from_the_start_are_both_out_of_force() {
    let main = manifest("Cluster", "main", "{}");
    let web = manifest("Service", "web", "{cluster: {ref: main}, taskDefinition: 'web:1'}");
    let files = [("a.yaml", main.as_str()), ("b.yaml", &main), ("c.yaml", &web)];
    let mut desired = first(&files);
    for _ in 0..2 {
        assert!(desired.resources.is_empty());
        assert_eq!(stale(&desired), ["a.yaml", "b.yaml", "c.yaml"]);
        assert!(messages(&desired).contains("refers to Cluster/main, which is declared more than once"));
        desired = load_after(&files, &desired);
    }
    let fixed = load_after(&[("a.yaml", &main), ("c.yaml", &web)], &desired);
    assert_eq!((fixed.resources.len(), messages(&fixed)), (2, String::new()));
}

#[test]
fn a_file_that_declares_its_own_key_twice_keeps_what_it_had_and_so_do_others() {
    let main = manifest("Cluster", "main", "{}");
    let web = manifest("Service", "web", "{cluster: {ref: main}, taskDefinition: 'web:1'}");
    let before = first(&[("a.yaml", &main), ("c.yaml", &web)]);
    let twice = format!("{main}---\n{}", manifest("Cluster", "main", "{clusterName: other}"));
    let after = load_after(&[("a.yaml", &twice), ("c.yaml", &web)], &before);
    assert_eq!(after.resources, before.resources);
    assert_eq!(stale(&after), ["a.yaml"]);
}

#[test]
fn a_manifest_may_move_to_another_file_in_two_steps() {
    let main = manifest("Cluster", "main", "{}");
    let one = first(&[("a.yaml", &main)]);
    let both = load_after(&[("a.yaml", &main), ("b.yaml", &main)], &one);
    let moved = load_after(&[("a.yaml", ""), ("b.yaml", &main)], &both);
    assert_eq!((messages(&moved), moved.resources.len()), (String::new(), 1));
    let copied = load_after(&[("a.yaml", &main), ("b.yaml", &main)], &moved);
    assert_eq!(stale(&copied), ["a.yaml"]);
}

#[test]
fn a_circle_is_the_fault_of_what_closed_it() {
    let trusts = |other: &str| {
        format!(
            "{{assumeRolePolicyDocument: {{Version: '2012-10-17', Statement: [{{Effect: Allow, Principal: {{AWS: {other}}}, Action: 'sts:AssumeRole'}}]}}}}"
        )
    };
    let one = manifest("Role", "one", "{preset: task}");
    let two = manifest("Role", "two", &trusts("{ref: Role/one}"));
    let three = manifest("Role", "three", &trusts("{ref: Role/two}"));
    let before = first(&[("1.yaml", &one), ("2.yaml", &two), ("3.yaml", &three)]);
    assert_eq!(messages(&before), "");
    let closing = manifest("Role", "one", &trusts("{ref: Role/three}"));
    let after = load_after(&[("1.yaml", &closing), ("2.yaml", &two), ("3.yaml", &three)], &before);
    assert_eq!(after.resources, before.resources);
    assert_eq!(stale(&after), ["1.yaml"]);
    // Nobody was there first: everybody is in it.
    let all = first(&[("1.yaml", &closing), ("2.yaml", &two), ("3.yaml", &three)]);
    assert_eq!((all.resources.len(), all.stale.len()), (0, 3));
}

#[test]
fn a_task_definition_with_a_fault_is_no_fault_of_the_service_that_runs_it() {
    let web = manifest("Service", "web", "{taskDefinition: {ref: job}}");
    let good = manifest("TaskDefinition", "job", "{containerDefinitions: [{name: web, image: nginx}]}");
    let bad = manifest(
        "TaskDefinition",
        "job",
        "{taskRoleArn: {ref: nobody}, containerDefinitions: [{name: web, image: nginx}]}",
    );
    let before = first(&[("a.yaml", &web), ("b.yaml", &good)]);
    let after = load_after(&[("a.yaml", &web), ("b.yaml", &bad)], &before);
    assert_eq!(after.resources, before.resources);
    assert_eq!(stale(&after), ["b.yaml"]);
    // Without a last good one the service waits for it.
    let new = first(&[("a.yaml", &web), ("b.yaml", &bad)]);
    assert_eq!(stale(&new), ["b.yaml"]);
    assert_eq!(new.resources.keys().map(ToString::to_string).collect::<Vec<_>>(), ["Service/web"]);
    assert!(new.resources[&Key::new(Kind::Service, "web")].needs.contains(&Key::new(Kind::TaskDefinition, "job")));
}

#[test]
fn the_bare_name_of_a_family_that_is_declared_means_that_manifest() {
    let definition = |name: &str, family: &str| {
        manifest(
            "TaskDefinition",
            name,
            &format!("{{family: {family}, containerDefinitions: [{{name: a, image: b}}]}}"),
        )
    };
    let job = Key::new(Kind::TaskDefinition, "job");
    let web = Key::new(Kind::Service, "web");
    let runs = |text: &str| {
        let service = manifest("Service", "web", &format!("{{taskDefinition: '{text}'}}"));
        let desired = first(&[("a.yaml", &service), ("b.yaml", &definition("job", "'web-${AWS::Region}'"))]);
        assert_eq!(messages(&desired), "");
        desired.resources[&web].clone()
    };
    let service = runs("web-us-east-1");
    assert!(service.needs.contains(&job));
    assert!(matches!(&service.task_definition, Some(TaskDefinition::Managed { key, .. }) if *key == job));
    assert_eq!(runs("web-${AWS::Region}").task_definition, service.task_definition);
    for text in ["web-us-east-1:3", "job", "arn:aws:ecs:us-east-1:123456789012:task-definition/web-us-east-1"] {
        assert_eq!(runs(text).task_definition, Some(TaskDefinition::Foreign(text.to_owned())));
    }
    // A newcomer that claims the family does not get the service.
    let service = manifest("Service", "web", "{taskDefinition: web}");
    let before = first(&[("a.yaml", &service), ("b.yaml", &definition("job", "web"))]);
    let files =
        [("a.yaml", service.as_str()), ("b.yaml", &definition("job", "web")), ("c.yaml", &definition("an", "web"))];
    let after = load_after(&files, &before);
    assert_eq!(after.resources, before.resources);
}

#[test]
fn a_key_called_ref_is_no_reference_where_a_team_chooses_the_keys() {
    let spec = "{tags: {ref: 'main-${AWS::Region}'}, taskDefinition: {tags: {ref: b}, volumes: [{name: v, \
                dockerVolumeConfiguration: {driverOpts: {ref: c}, labels: {ref: d}}}], containerDefinitions: [{name: a, image: b, \
                dockerLabels: {ref: e}, logConfiguration: {logDriver: awslogs, options: {ref: '${AWS::Region}'}}}]}}";
    let policies = "{preset: task, inlinePolicies: {options: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', \
                    Resource: {ref: Role/app}}]}, ref: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}}}";
    let both = [manifest("Service", "web", spec), manifest("Role", "app", policies)].join("---\n");
    let desired = first(&[("a.yaml", &both)]);
    assert_eq!(messages(&desired), "");
    let service = &desired.resources[&Key::new(Kind::Service, "web")];
    assert_eq!(service.tags["ref"], "main-us-east-1");
    let definition = &desired.resources[&Key::new(Kind::TaskDefinition, "web")];
    assert_eq!(definition.spec["volumes"][0]["dockerVolumeConfiguration"]["labels"]["ref"], "d");
    assert_eq!(definition.spec["containerDefinitions"][0]["logConfiguration"]["options"]["ref"], "us-east-1");
    let role = &desired.resources[&Key::new(Kind::Role, "app")];
    let resource = &role.spec["inlinePolicies"]["options"]["Statement"][0]["Resource"];
    assert_eq!(resource, "arn:aws:iam::123456789012:role/app");
}

#[test]
fn services_of_one_name_in_two_clusters_have_a_family_each() {
    let service = |name: &str, cluster: &str| {
        let spec = "serviceName: web, taskDefinition: {containerDefinitions: [{name: web, image: nginx}]}";
        manifest("Service", name, &format!("{{cluster: {cluster}, {spec}}}"))
    };
    let desired = first(&[("a.yaml", &service("web-blue", "blue")), ("b.yaml", &service("web-green", "green"))]);
    assert_eq!(messages(&desired), "");
    let family = |name: &str| desired.resources[&Key::new(Kind::TaskDefinition, name)].spec["family"].clone();
    assert_eq!((family("web-blue"), family("web-green")), ("web-blue".into(), "web-green".into()));
}

#[test]
fn policy_documents_may_be_json_in_a_text() {
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
    let read = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${AWS::AccountId}-${aws:username}"}]}"#;
    let role = manifest(
        "Role",
        "app",
        &format!("{{assumeRolePolicyDocument: '{trust}', inlinePolicies: {{read: '{read}'}}}}"),
    );
    let policy = manifest("Policy", "app", &format!("{{policyDocument: '{read}'}}"));
    let desired = first(&[("a.yaml", &format!("{role}---\n{policy}"))]);
    assert_eq!(messages(&desired), "");
    let role = &desired.resources[&Key::new(Kind::Role, "app")].spec;
    assert_eq!(role["assumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"], "ecs.amazonaws.com");
    let resource = "arn:aws:s3:::123456789012-${aws:username}";
    assert_eq!(role["inlinePolicies"]["read"]["Statement"][0]["Resource"], resource);
    let policy = &desired.resources[&Key::new(Kind::Policy, "app")].spec;
    assert_eq!(policy["policyDocument"]["Statement"][0]["Resource"], resource);
}

/// Generous: in a debug build on a busy machine each takes a few seconds. What grows with the square
/// of the number of files or documents takes minutes.
const SECONDS_MAX: u64 = 40;

fn load_in_time(files: &[(String, String)]) -> Desired {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let start = std::time::Instant::now();
    let desired = first(&files);
    let seconds = start.elapsed().as_secs();
    assert!(seconds <= SECONDS_MAX, "{} files took {seconds} s", files.len());
    desired
}

#[test]
fn thousands_of_files_with_a_fault_each_are_read_in_seconds() {
    let files = |text: &dyn Fn(usize) -> String| -> Vec<(String, String)> {
        (0..4000).map(|n| (format!("{n}.yaml"), text(n))).collect()
    };
    let unknown = files(&|n| manifest("Cluster", &format!("c{n}"), "{setings: []}"));
    let desired = load_in_time(&unknown);
    assert_eq!((desired.problems.len(), desired.stale.len(), desired.invalid.len()), (4000, 4000, 4000));
    let dangling =
        files(&|n| manifest("Service", &format!("s{n}"), &format!("{{taskDefinition: {{ref: Service/t{n}}}}}")));
    assert_eq!(load_in_time(&dangling).problems.len(), 4000);
    let dangling =
        files(&|n| manifest("Role", &format!("r{n}"), &format!("{{preset: task, description: {{ref: Role/x{n}}}}}")));
    assert_eq!(load_in_time(&dangling).problems.len(), 4000);
    let same = files(&|n| manifest("Cluster", &format!("c{n}"), "{clusterName: main}"));
    assert_eq!(load_in_time(&same).problems.len(), 4000);
    let same = files(&|_| manifest("Cluster", "main", "{}"));
    assert_eq!(load_in_time(&same).problems.len(), 4000);
}

#[test]
fn thousands_of_documents_in_few_files_are_read_in_seconds() {
    let files = |spec: &str| -> Vec<(String, String)> {
        let text = |file: usize| {
            (0..1000).map(|n| manifest("Cluster", &format!("c{file}-{n}"), spec)).collect::<Vec<_>>().join("---\n")
        };
        (0..30).map(|file| (format!("{file}.yaml"), text(file))).collect()
    };
    assert_eq!(load_in_time(&files("{}")).resources.len(), 30_000);
    let desired = load_in_time(&files("{setings: []}"));
    assert_eq!(desired.problems.len(), 30 * (PROBLEMS_MAX + 1));
    let last = desired.problems.iter().find(|problem| problem.key == Some(Key::new(Kind::Cluster, "c0-99")));
    assert_eq!(last.and_then(|problem| problem.at), Some(Position { line: 99 * 5 + 4, column: 8 }));
}

#[test]
fn a_file_of_nothing_but_faults_is_read_in_seconds() {
    let faults: String = (0..16_000).map(|n| format!("  wrong{n}: {{a: [b, c, d]}}\n")).collect();
    let files = [("a.yaml".to_owned(), manifest("Cluster", "c", &format!("\n{faults}")))];
    let desired = load_in_time(&files);
    assert_eq!(desired.problems.len(), PROBLEMS_MAX + 1);
    assert!(desired.problems.iter().all(|problem| problem.at.is_some()));
    let last = desired.problems.last().map(ToString::to_string).unwrap_or_default();
    assert!(last.contains("more than 100 problems in this file: the rest is not listed"), "{last}");
}

/// The faults and the places that stand for nothing of one manifest, in what is looked at before anything is left out.
fn resolved(text: &str) -> resolve::Resolved {
    let file = File { path: "a.yaml".into(), content: Ok(text.as_bytes().to_vec()) };
    let reading = read(&file);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems.first());
    let before = Desired::default();
    let scope = Before { manifests: holders(&before), resources: &before.resources };
    let ground = Ground { account: &Account::offline(None), rails: &Guardrails::none(), before: &scope };
    let manifests = reading.manifests.iter().map(|manifest| (manifest.key.clone(), manifest)).collect();
    ground.resolve(&manifests, &Beside::default())
}

#[test]
fn faults_are_looked_for_until_a_file_has_more_than_are_listed_and_in_each_manifest_until_one_is_found() {
    let lines = |line: &dyn Fn(usize) -> String| (0..10_000).map(line).collect::<String>();
    let dangling =
        manifest("Cluster", "c", &format!("\n  capacityProviders:\n{}", lines(&|n| format!("    - {{ref: p{n}}}\n"))));
    let found = resolved(&dangling);
    assert_eq!((found.faults.len(), found.unknown.values().map(BTreeSet::len).sum::<usize>()), (FAULTS_MAX, 10_000));
    let tags = manifest("Cluster", "c", &format!("\n  tags:\n{}", lines(&|n| format!("    t{n}: {n}\n"))));
    let unknown = manifest("Cluster", "c", &format!("\n{}", lines(&|n| format!("  f{n}: 1\n"))));
    let role = manifest("Role", "r", &format!("\n  preset: task\n{}", lines(&|n| format!("  f{n}: 1\n"))));
    let settings = manifest("AccountSettings", "a", &format!("\n{}", lines(&|n| format!("  f{n}: 1\n"))));
    let statements = lines(&|n| format!("    - {{Sid: S{n}, Efect: Allow}}\n"));
    let policy = manifest("Policy", "p", &format!("\n  policyDocument:\n   Statement:\n{statements}"));
    for text in [tags, unknown, role, settings, policy] {
        assert_eq!(resolved(&text).faults.len(), FAULTS_MAX, "{}", &text[..200]);
    }
    let each = |n| manifest("Cluster", &format!("c{n}"), "{a: 1, b: 1}");
    let many = resolved(&(0..900).map(each).collect::<Vec<_>>().join("---\n"));
    let bad: BTreeSet<&Key> = many.faults.iter().map(|fault| &fault.key).collect();
    assert_eq!((bad.len(), many.resources.len()), (900, 0));
    assert!(many.faults.len() <= 900 + FAULTS_MAX, "{}", many.faults.len());
}

#[test]
fn a_name_that_is_too_long_is_not_repeated_at_each_reference() {
    let long = manifest("Role", "r", &format!("{{preset: task, roleName: {}}}", "n".repeat(400_000)));
    let references = "{ref: Role/r}, ".repeat(1000);
    let statement = format!("{{Effect: Allow, Action: 'iam:PassRole', Resource: [{references}]}}");
    let role = manifest("Role", "s", &format!("{{preset: task, inlinePolicies: {{p: {{Statement: {statement}}}}}}}"));
    let desired = first(&[("a.yaml", &long), ("b.yaml", &role)]);
    let names = desired.resources[&Key::new(Kind::Role, "s")].spec.to_string();
    assert!(names.contains("role/nnn") && names.len() < 2_000_000, "{}", names.len());
}

#[test]
fn a_holder_that_is_out_of_force_for_another_reason_does_not_lose_its_name() {
    let role = manifest("Role", "app", "{preset: task, description: '{x}', permissionsBoundary: {ref: limit}}");
    let document = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}";
    let limit = manifest("Policy", "limit", &format!("{{policyDocument: {document}}}"));
    let before = first(&[("a.yaml", &role), ("b.yaml", &limit)]);
    assert_eq!(messages(&before), "");
    let newcomer = manifest("Role", "other", "{preset: task, roleName: app}");
    let after = load_after(&[("a.yaml", &role), ("c.yaml", &newcomer)], &before);
    assert!(after.resources.is_empty(), "{}", messages(&after));
    assert_eq!(stale(&after), ["a.yaml", "c.yaml"]);
}

#[test]
fn a_spec_is_no_reference() {
    let both = [manifest("Role", "app", "{preset: task}"), manifest("Cluster", "main", "{ref: Role/app}")];
    let desired = first(&[("a.yaml", &both.join("---\n"))]);
    assert!(messages(&desired).contains("unknown field `ref`"), "{}", messages(&desired));
}

const CLUSTER: &str = "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: main}\nspec: {}\n";
const ROLE: &str = "---\napiVersion: evenkeel/v1alpha1\nkind: Role\nmetadata: {name: app}\nspec: {preset: task}\n";
const SERVICE: &str = "apiVersion: evenkeel/v1alpha1\nkind: Service\nmetadata: {name: web}\n\
                       spec: {cluster: {ref: main}, taskDefinition: \"web:1\"}\n";

fn reading(files: &[(&str, &str)], before: &Desired) -> Desired {
    let file = |(path, text): &(&str, &str)| File { path: path.into(), content: Ok(text.as_bytes().to_vec()) };
    load(&files.iter().map(file).collect::<Vec<_>>(), &Account::offline(None), before)
}

fn keys(desired: &Desired) -> Vec<String> {
    desired.resources.keys().map(ToString::to_string).collect()
}

fn problems(desired: &Desired) -> Vec<String> {
    desired.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_that_turns_bad_keeps_its_last_good_manifests() {
    let good = reading(&[("a.yaml", CLUSTER), ("b.yaml", SERVICE)], &Desired::default());
    assert_eq!(
        (keys(&good).as_slice(), problems(&good).len()),
        (&["Cluster/main".into(), "Service/web".into()][..], 0)
    );
    for bad in ["", "[", "kind: Cluster\n", &CLUSTER.replace("spec: {}", "spec: {settngs: []}")] {
        let text = format!("{bad}\n---\nsome text\n");
        let now = reading(&[("a.yaml", &text), ("b.yaml", SERVICE)], &good);
        assert_eq!(now.resources, good.resources, "{bad}");
        assert!(
            now.problems.iter().all(|problem| problem.file == std::path::Path::new("a.yaml")),
            "{:?}",
            problems(&now)
        );
        assert_eq!(now.stale.len(), 1);
    }
}

#[test]
fn what_a_bad_file_lost_can_still_be_referred_to() {
    let good = reading(&[("a.yaml", &format!("{CLUSTER}{ROLE}"))], &Desired::default());
    let service = SERVICE.replace("spec: {", "spec: {role: {ref: app}, ");
    let both = format!("{service}---\nsome text\n");
    let now = reading(&[("a.yaml", "["), ("b.yaml", &both)], &good);
    assert_eq!(keys(&now), ["Role/app", "Cluster/main", "Service/web"]);
    let found = problems(&now);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("expected a manifest, found string"), "{found:?}");
}

#[test]
fn everything_that_is_wrong_with_a_file_is_said_at_once() {
    let text = format!("{}---\n{}", CLUSTER.replace("kind", "knd"), SERVICE.replace("cluster", "clutser"));
    let found = problems(&reading(&[("a.yaml", &text)], &Desired::default()));
    assert_eq!(
        found,
        [
            "a.yaml:1:1: missing field `kind`; known: AccountSettings, Policy, Role, Cluster, CapacityProvider, TaskDefinition, Service",
            "a.yaml:2:1: knd: unknown field `knd`; did you mean `kind`?",
            "a.yaml:9:8: spec.clutser: unknown field `clutser`; did you mean `cluster`?",
            "a.yaml:9:17: spec.clutser: the kind of `main` cannot be told from here; write {ref: Kind/main}",
        ]
    );
}

#[test]
fn nothing_comes_into_force_from_a_draft() {
    let text = CLUSTER.replace("metadata:", "metadta: {}\nmetadata:");
    let now = reading(&[("a.yaml", &text), ("b.yaml", SERVICE)], &Desired::default());
    assert_eq!(keys(&now), Vec::<String>::new());
    assert_eq!(now.invalid.len(), 2, "{:?}", now.invalid);
    assert!(problems(&now)[1].contains("refers to Cluster/main, which has problems of its own"));
}

#[test]
fn who_held_a_key_that_is_declared_twice_now_can_still_be_referred_to_from_a_draft() {
    let main = manifest("Cluster", "main", "{}");
    let before = first(&[("a.yaml", &main)]);
    let twice = format!("{main}---\n{main}");
    let draft = format!("{SERVICE}extra: 1\n");
    let after = load_after(&[("a.yaml", &twice), ("b.yaml", &draft)], &before);
    assert_eq!(after.resources, before.resources);
    let found = problems(&after);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[2].contains("unknown field `extra`"), "{found:?}");
    // Nobody held it: then there is nothing to refer to.
    let found = problems(&first(&[("a.yaml", &twice), ("b.yaml", &draft)]));
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[2].contains("refers to Cluster/main, which is declared more than once"), "{found:?}");
}

#[test]
fn a_newcomer_with_problems_of_its_own_is_told_that_its_name_is_taken_and_takes_nothing() {
    let good = manifest("Cluster", "main", "{}");
    for newcomer in [manifest("Cluster", "main", "{}"), manifest("Cluster", "other", "{clusterName: main}")] {
        let after = undisturbed(&good, &format!("{newcomer}extra: 1\n"));
        assert_eq!(after.problems.len(), 2, "{}", messages(&after));
    }
}

#[test]
fn a_circle_of_thousands_is_told_in_seconds() {
    let trusts = |other: usize| {
        let statement =
            format!("{{Effect: Allow, Principal: {{AWS: {{ref: Role/r{other}}}}}, Action: 'sts:AssumeRole'}}");
        format!("{{assumeRolePolicyDocument: {{Version: '2012-10-17', Statement: [{statement}]}}}}")
    };
    let files: Vec<(String, String)> =
        (0..3000).map(|n| (format!("{n}.yaml"), manifest("Role", &format!("r{n}"), &trusts((n + 1) % 3000)))).collect();
    let desired = load_in_time(&files);
    assert_eq!(desired.problems.len(), 3000);
    let found = problems(&desired);
    assert!(found[0].contains("Principal.AWS: refers to itself in a circle: Role/r0 → Role/r1 → …;"), "{}", found[0]);
}

#[test]
fn what_follows_a_variable_without_end_is_not_quoted() {
    let found = messages(&first(&[("a.yaml", &manifest("Cluster", "c", "{clusterName: '${AWS::Regin-hush}'}"))]));
    assert!(found.contains("there is no variable ${AWS::Regin-hush}"), "{found}");
    let found = messages(&first(&[("a.yaml", &manifest("Cluster", "c", "{clusterName: '${AWS::Regin-hush'}"))]));
    assert!(found.contains("there is no variable ${AWS::Regin;") && !found.contains("hush"), "{found}");
}

#[test]
fn a_manifest_that_is_renamed_in_a_draft_does_not_clash_with_itself() {
    let before = first(&[("a.yaml", &manifest("Cluster", "old", "{clusterName: main}"))]);
    let renamed = format!("{}extra: 1\n", manifest("Cluster", "new", "{clusterName: main}"));
    let after = load_after(&[("a.yaml", &renamed)], &before);
    assert_eq!(after.resources, before.resources);
    assert_eq!(problems(&after).len(), 1, "{}", messages(&after));
}
