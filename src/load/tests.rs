use super::*;

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
