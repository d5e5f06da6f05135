//! `evenkeel export`: reads until nothing that was read names anything that was not.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{CommandError, ERROR, OK, connect, print};
use crate::aws::Aws;
use crate::cli;
use crate::export::{self, Document, Found, LeftOut, Scope};
use crate::guard::{self, Guardrails};
use crate::load::{self, Desired};
use crate::plain;
use crate::report;
use crate::resource::{Account, Identity};
use crate::world::Failure;

pub(super) async fn export(command: cli::Export) -> Result<u8, CommandError> {
    let scope = Scope {
        clusters: command.cluster.iter().cloned().collect(),
        services: command.service.iter().cloned().collect(),
    };
    #[cfg(feature = "sandbox")]
    let aws = connect::reader(command.sandbox.as_deref()).await?;
    #[cfg(not(feature = "sandbox"))]
    let aws = connect::reader().await?;
    let found = gather(&aws, &scope).await;
    let export = export::export(&found, &scope, aws.account());
    let text = export::stream_text(&export.documents);
    let mut complaints: Vec<String> = export.left_out.iter().map(ToString::to_string).collect();
    complaints.extend(problems(&text, aws.account()));
    match &command.to {
        None => print(&text)?,
        Some(directory) => {
            write(directory, &export.documents)?;
            let manifests = report::count(export.documents.len(), "manifest", "manifests");
            print(&format!("{manifests} in {}.\n", directory.display()))?;
        }
    }
    for complaint in &complaints {
        let _ = writeln!(anstream::stderr(), "{}", plain::line(complaint));
    }
    if let Some(note) = broken_guardrails(&text, aws.account()) {
        let _ = writeln!(anstream::stderr(), "{note}");
    }
    Ok(if complaints.is_empty() { OK } else { ERROR })
}

/// Reads everything in scope, and what it names.
pub async fn gather(aws: &Aws, scope: &Scope) -> Found {
    let mut found = Found::default();
    let mut needed = export::Needed { resources: start(aws, scope, &mut found).await, ..Default::default() };
    while needed != export::Needed::default() {
        for profile in &needed.profiles {
            let role = aws.role_in_profile(profile).await;
            let role = role.unwrap_or_else(|failure| note(&mut found, format!("instance profile {profile}"), &failure));
            found.profiles.insert(profile.clone(), role);
        }
        if !needed.resources.is_empty() {
            let reading = aws.read(&needed.resources).await;
            found.seen.extend(reading.seen);
            found.revisions.extend(reading.revisions);
            found.scaling.extend(reading.scaling);
        }
        needed = export::needed(&found, scope, aws.account());
    }
    found
}

/// What the scope names by itself.
async fn start(aws: &Aws, scope: &Scope, found: &mut Found) -> BTreeSet<Identity> {
    let service =
        |(cluster, name): &(String, String)| Identity::Service { cluster: cluster.clone(), name: name.clone() };
    let mut resources: BTreeSet<Identity> = scope.services.iter().map(service).collect();
    let cluster = |name: &String| Identity::Cluster { name: name.clone() };
    resources.extend(scope.clusters.iter().map(cluster));
    if scope.is_everything() {
        resources.insert(Identity::AccountSettings);
        let clusters = aws.list_clusters().await;
        resources.extend(clusters.unwrap_or_else(|failure| note(found, "clusters", &failure)));
        let providers = aws.list_capacity_providers(None).await;
        resources.extend(providers.unwrap_or_else(|failure| note(found, "capacity providers", &failure)));
        let families = aws.list_families().await;
        found.families = families.unwrap_or_else(|failure| note(found, "task definition families", &failure));
    }
    let clusters: Vec<String> = resources
        .iter()
        .filter_map(|one| match one {
            Identity::Cluster { name } => Some(name.clone()),
            _ => None,
        })
        .collect();
    for cluster in clusters {
        let services = aws.list_services(&cluster).await;
        resources
            .extend(services.unwrap_or_else(|failure| note(found, format!("services of cluster {cluster}"), &failure)));
        if !scope.is_everything() {
            let providers = aws.list_capacity_providers(Some(&cluster)).await;
            let what = format!("capacity providers of cluster {cluster}");
            resources.extend(providers.unwrap_or_else(|failure| note(found, what, &failure)));
        }
    }
    resources
}

/// What could not be read is nothing, and is reported.
fn note<T: Default>(found: &mut Found, what: impl Into<String>, failure: &Failure) -> T {
    found.failures.push(LeftOut::unread(what, failure));
    T::default()
}

/// What `validate` would say of the manifests: AWS may hold what no manifest may.
fn problems(text: &str, account: &Account) -> Vec<String> {
    let desired = loaded(text, account, &Guardrails::none());
    desired.problems.iter().map(ToString::to_string).collect()
}

fn loaded(text: &str, account: &Account, rails: &Guardrails) -> Desired {
    let file = load::File { path: PathBuf::from("export"), content: Ok(text.as_bytes().to_vec()) };
    load::guarded(&[file], account, rails, &Desired::default())
}

/// How much of it the guardrails that are on by default will refuse: somebody has to decide about it.
fn broken_guardrails(text: &str, account: &Account) -> Option<String> {
    let desired = loaded(text, account, &Guardrails::standard());
    let refused: BTreeSet<_> = desired.problems.iter().filter(|problem| guard::is_refusal(problem)).collect();
    let manifests: BTreeSet<_> = refused.iter().filter_map(|problem| problem.key.as_ref()).collect();
    let count = report::count(manifests.len(), "manifest breaks", "manifests break");
    (!manifests.is_empty()).then(|| {
        format!("note: {count} guardrails, which plan and apply refuse; validate says what, and how to allow it")
    })
}

/// One file per manifest; nothing is written where anything is there already.
pub(super) fn write(directory: &Path, documents: &[Document]) -> Result<(), CommandError> {
    let there: Vec<String> = documents
        .iter()
        .map(|document| directory.join(&document.file))
        .filter(|file| file.symlink_metadata().is_ok())
        .map(|file| format!("\n  {}", file.display()))
        .collect();
    if !there.is_empty() {
        let hint = "export into an empty directory, or move them away";
        let message =
            format!("these files are there already, and nothing was written:{}\n  hint: {hint}", there.concat());
        return Err(CommandError::Manifests(message));
    }
    for document in documents {
        let file = directory.join(&document.file);
        let complain = || CommandError::io(format!("cannot write {}", file.display()));
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(complain())?;
        }
        let mut open = fs::File::create_new(&file).map_err(complain())?;
        open.write_all(export::file_text(document).as_bytes()).map_err(complain())?;
    }
    Ok(())
}
