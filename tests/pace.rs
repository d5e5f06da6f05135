//! AWS's published request limits, met by an account that enforces them.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::time::Duration;

use evenkeel::sandbox::LogLine;
use tokio::time::Instant;

use scenario::{Lab, cluster, role, seconds, service};

const SERVICES: usize = 100;

/// A hundred services, each with a role of its own.
fn shop() -> String {
    let one = |n: usize| {
        let name = format!("web-{n:03}");
        let with_role = format!("    taskRoleArn: {{ref: Role/{name}}}\n    containerDefinitions:");
        role(&name, "") + &service(&name, "shop/web:1", "", "").replace("    containerDefinitions:", &with_role)
    };
    std::iter::once(cluster("shop")).chain((0..SERVICES).map(one)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_of_a_hundred_services_is_hardly_throttled_and_as_fast_as_the_limits_allow() {
    let lab = Lab::new().await;
    lab.sandbox.throttle();
    let all = shop();
    let started = Instant::now();
    lab.settle(&all).await;
    let took = started.elapsed();
    let log = std::mem::take(&mut lab.sandbox.state().log);
    let throttled = log.iter().filter(|line| line.error.is_some_and(|error| error.starts_with("Throttling"))).count();
    assert!(throttled * 100 <= log.len(), "{throttled} of {} calls were throttled", log.len());
    let registered = |line: &&LogLine| line.operation == "RegisterTaskDefinition" && line.error.is_none();
    assert_eq!(log.iter().filter(registered).count(), SERVICES);
    // Twenty registrations are free, then one a second: eighty seconds, and the last rollouts after them.
    assert!(took < Duration::from_secs(120), "{took:?}");
    assert!(lab.plan(&all).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_shares_the_limits_with_others_goes_slower_and_gets_there() {
    let lab = Lab::new().await;
    lab.sandbox.throttle();
    let others = tokio::spawn({
        let ecs = lab.ecs();
        async move {
            // Half of what comes back, for ever: were it all of it, who gets the next token would be chance.
            loop {
                let call = ecs.register_task_definition().family("theirs");
                let container =
                    aws_sdk_ecs::types::ContainerDefinition::builder().name("a").image("a").memory(4).build();
                let _ = call.container_definitions(container).send().await;
                seconds(2).await;
            }
        }
    });
    let started = Instant::now();
    lab.settle(&shop()).await;
    let took = started.elapsed();
    // Twenty registrations are free, then one in two seconds is left: 160 s are the best there is.
    assert!((120..240).contains(&took.as_secs()), "{took:?}");
    others.abort();
}
