//! What is declared no more and goes, and what stays although it is declared nowhere.

use crate::scenario::{annotated, cluster, role, seconds, service};
use crate::scenes::{SSM, Scene, policy, provider, rich_role, shop, wide_cluster};

/// What the manifest of something that is to go said last.
fn doomed(manifest: &str) -> String {
    annotated(manifest, "evenkeel/deletion-policy: delete")
}

/// Every scene. Something is always left that is declared.
pub(crate) fn all() -> Vec<Scene> {
    [of_iam(), of_ecs(), of_several()].into_iter().flatten().collect()
}

fn of_iam() -> Vec<Scene> {
    let stays = || [policy("bound", "s3:*"), role("stays", "")].concat();
    let bounded = "permissionsBoundary: {ref: bound}\ninstanceProfile: true\n";
    let goes = |action: &str| doomed(&policy("goes", action));
    vec![
        Scene::new("delete-role", &[stays(), doomed(&rich_role("goes", "s3:GetObject", SSM, bounded))], &[stays()])
            .pruning(),
        Scene::new("delete-policy", &[stays(), goes("s3:Get1")], &[stays()]).pruning().after(|lab| {
            Box::pin(async move {
                for n in 2..=3 {
                    seconds(1).await;
                    lab.settle(&doomed(&policy("goes", &format!("s3:Get{n}")))).await;
                }
            })
        }),
        Scene::new("retained", &[stays(), role("kept", "")], &[stays()]).pruning(),
    ]
}

fn of_ecs() -> Vec<Scene> {
    let daemon = service("agent", "shop/agent:1", "", "schedulingStrategy: DAEMON\n");
    let daemon = daemon.replace("launchType: FARGATE", "launchType: EC2");
    let machines =
        "[{ref: machines}]\ndefaultCapacityProviderStrategy: [{capacityProvider: {ref: machines}, weight: 1}]";
    vec![
        Scene::new(
            "delete-service",
            &[cluster("shop"), service("web", "shop/web:1", "", "desiredCount: 2\n")],
            &[cluster("shop")],
        )
        .pruning(),
        Scene::new("delete-daemon", &[cluster("shop"), daemon], &[cluster("shop")]).pruning(),
        Scene::new(
            "delete-cluster",
            &[cluster("stays"), doomed(&provider("machines", 100)), doomed(&wide_cluster("goes", "enabled", machines))],
            &[cluster("stays")],
        )
        .pruning(),
    ]
}

fn of_several() -> Vec<Scene> {
    let team = || {
        let [task, shop_cluster, web] = shop("shop/web:1", "");
        let task = task.replace("spec:\n", "spec:\n  managedPolicyArns: [{ref: read}]\n");
        [doomed(&policy("read", "s3:Get*")), doomed(&task), doomed(&shop_cluster), web]
    };
    let renamed = || shop("shop/web:1", "").map(|one| one.replace("name: web\n", "name: web-2\n"));
    vec![
        Scene::new("delete-a-team", &[team().concat(), cluster("stays")], &[cluster("stays")]).pruning(),
        Scene::new("rename-service", &shop("shop/web:1", ""), &renamed()).pruning(),
        Scene::new(
            "delete-and-foreign",
            &[cluster("shop"), doomed(&role("goes", "")), doomed(&role("theirs", ""))],
            &[cluster("shop")],
        )
        .pruning()
        .after(|lab| {
            Box::pin(async move {
                let tag = aws_sdk_iam::types::Tag::builder().key("evenkeel:owner").value("somebody");
                let tag = tag.build().expect("a tag");
                lab.iam().tag_role().role_name("theirs").tags(tag).send().await.expect("tag");
            })
        }),
    ]
}
