//! Two copies of the daemon over one account: they do not write at the same time, and there is always one
//! that may.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

mod copies;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;
use std::time::Duration;

use evenkeel::fence::{Copy, Hold, Manner, Standing};
use evenkeel::reconcile::Fence;
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::fault::FaultKind;
use tokio::sync::watch;
use tokio::time::Instant;

use copies::{Call, Freezer, Kind, Process, Turns, stop_task, task};
use scenario::{Lab, Running, cluster, role, seconds, service};

const RESIDENT: Manner = Manner::Resident;
const HOUR: u64 = 3600;
/// How many of the orders of the first calls are tried; `EVENKEEL_INTERLEAVINGS=4096` tries them all.
const INTERLEAVINGS: u64 = 24;
/// How many calls are put in order.
const CALLS: u32 = 12;

fn guest(takeover: bool) -> Manner {
    Manner::Guest { takeover, lasts: Duration::from_secs(900) }
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind::Epoch,
        #[cfg(feature = "lease")]
        Kind::Lease,
    ]
}

/// A commit: some of everything, with a number in it.
fn commit(number: u32) -> String {
    let all = service("web", &format!("shop/web:{number}"), "", "");
    [cluster("shop"), role("web", &format!("description: Number {number}\n")), all].concat()
}

async fn lab(kind: &Kind) -> Lab {
    let lab = Lab::new().await;
    if *kind != Kind::Epoch {
        copies::table(&lab.sandbox).await;
    }
    lab
}

/// The image that `shop/web` is to run.
async fn image(lab: &Lab) -> String {
    let running = lab.running().await;
    running.container_definitions()[0].image().expect("an image").to_owned()
}

/// Which copy made the writes, without repeats: `A`, `B` for one handover.
fn writers(writes: &[Call]) -> Vec<&'static str> {
    let mut writers: Vec<&'static str> = writes.iter().map(|call| call.who).collect();
    writers.dedup();
    writers
}

/// A copy that lives until it is stopped.
struct Life {
    process: Arc<Process>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Life {
    fn begin(process: Arc<Process>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&process).live(stopped));
        Self { process, stop, task }
    }

    /// What SIGTERM does.
    async fn stop(self) {
        self.stop.send(true).expect("alive");
        self.task.await.expect("no panic");
    }

    /// What SIGKILL does.
    fn kill(self) -> Arc<Process> {
        self.task.abort();
        self.process
    }
}

/// No call of the one after the other had begun to look at what it then wrote.
fn assert_handed_over(turns: &Turns, from: &str, to: &Process) {
    let took_over = to.took_over().expect("it took over");
    let late: Vec<Call> = turns.writes().into_iter().filter(|call| call.who == from && call.at >= took_over).collect();
    assert!(late.is_empty(), "{from} wrote after {} had taken over: {late:?}", to.who);
}

#[tokio::test(start_paused = true)]
async fn one_copy_alone_writes_at_once_and_a_quiet_pass_asks_nobody() {
    for kind in kinds() {
        let lab = lab(&kind).await;
        let turns = Turns::new(Vec::new());
        let process = ("A", "process 1 on a");
        let a = Process::start(&lab, &turns, process, &commit(1), (&kind, RESIDENT), Freezer::default()).await;
        let begun = Instant::now();
        let life = Life::begin(Arc::clone(&a));
        seconds(120).await;
        assert!(a.took_over().expect("in charge") == begun, "{kind:?}: it waited for nobody");
        assert_eq!(image(&lab).await, "shop/web:1");
        let before = turns.log().len();
        life.kill();
        let (_stop, stopped) = watch::channel(false);
        if kind == Kind::Epoch {
            a.reconciler.tend().await;
        }
        a.pass(&stopped).await;
        let calls: Vec<String> = turns.log()[before..].iter().map(|call| call.operation.clone()).collect();
        let reads = ["DescribeClusters", "DescribeServices", "GetAccountAuthorizationDetails", "ListRoles"];
        let mut sorted = calls.clone();
        sorted.sort();
        assert_eq!(sorted, reads, "{kind:?}: {calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_writes_reads_once_more() {
    let lab = lab(&Kind::Epoch).await;
    let turns = Turns::new(Vec::new());
    let start = |name, text: String| {
        let turns = Arc::clone(&turns);
        let lab = &lab;
        async move { Process::start(lab, &turns, name, &text, (&Kind::Epoch, RESIDENT), Freezer::default()).await }
    };
    let a = start(("A", "process 1 on a"), commit(1)).await;
    let life = Life::begin(a);
    seconds(120).await;
    let before = turns.log().len();
    let iam = lab.iam();
    iam.update_role().role_name("web").description("by hand").send().await.expect("changed behind its back");
    seconds(30).await;
    let mut calls = turns.log();
    calls.drain(..before);
    assert_eq!(calls.iter().filter(|call| call.writes()).count(), 1);
    assert_eq!(calls.iter().filter(|call| call.of_fence).count(), 1, "{calls:?}");
    life.kill();
}

/// Two copies, with one schedule of their first calls.
async fn interleaved(kind: &Kind, bits: u64, settled: bool) {
    let lab = lab(kind).await;
    if settled {
        // The old copy has made everything so, and somebody has changed much of it since.
        lab.settle(&commit(1)).await;
        lab.iam().update_role().role_name("web").description("by hand").send().await.expect("changed");
        lab.ecs().update_service().cluster("shop").service("web").desired_count(7).send().await.expect("changed");
    }
    let schedule = (0..CALLS).map(|at| if bits >> at & 1 == 0 { "A" } else { "B" }).collect();
    let turns = Turns::new(schedule);
    let mut lives = Vec::new();
    for (who, number) in [("A", 1), ("B", 2)] {
        let what = format!("process {number} on {who}");
        let process =
            Process::start(&lab, &turns, (who, &what), &commit(number), (kind, RESIDENT), Freezer::default()).await;
        lives.push(process);
    }
    let lives: Vec<Life> = lives.into_iter().map(Life::begin).collect();
    seconds(200).await;
    let standings: Vec<Standing> = lives.iter().map(|life| life.process.reconciler.standing()).collect();
    let writes = turns.writes();
    let handed_over = writers(&writes);
    let what = format!("{kind:?} {bits:#b} {settled}: {standings:?} {writes:?}");
    assert!(handed_over.len() <= 2, "{what}");
    let writing = standings.iter().filter(|standing| standing.writes()).count();
    assert_eq!(writing, 1, "{what}");
    let last = if standings[0].writes() { "1" } else { "2" };
    assert_eq!(image(&lab).await, format!("shop/web:{last}"), "{what}");
    let revisions = lab.revisions("web").await.len();
    assert!(revisions <= 2 + usize::from(settled), "{what}");
    if let [first, second] = handed_over[..] {
        let to = lives.iter().find(|life| life.process.who == second).expect("a copy");
        assert_handed_over(&turns, first, &to.process);
    }
    for life in lives {
        life.kill();
    }
}

async fn all_interleavings(kind: &Kind) {
    let all = 1_u64 << CALLS;
    let wanted = std::env::var("EVENKEEL_INTERLEAVINGS").ok().and_then(|text| text.parse().ok());
    let wanted = wanted.unwrap_or(INTERLEAVINGS).clamp(1, all);
    for at in 0..wanted {
        // Spread over all of them: an odd factor hits each once.
        let step = all / wanted;
        let bits = at * step + at.wrapping_mul(2_654_435_761) % step;
        interleaved(kind, bits, at % 2 == 0).await;
        if wanted == all {
            interleaved(kind, bits, at % 2 == 1).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_whichever_order_the_first_calls_of_two_copies_come_one_writes_after_the_other() {
    all_interleavings(&Kind::Epoch).await;
}

#[cfg(feature = "lease")]
#[tokio::test(start_paused = true)]
async fn with_a_lease_as_well() {
    all_interleavings(&Kind::Lease).await;
}

/// Two daemons on two commits: how many revisions and deployments of the service came of it.
async fn two_commits(fenced: bool, time: u64) -> (usize, usize) {
    let sandbox = Sandbox::new();
    let mut daemons = Vec::new();
    for number in [1, 2] {
        let mut lab = Lab::over(Arc::clone(&sandbox)).await;
        if fenced {
            let copy = Copy { id: number.to_string(), what: format!("process {number} on a"), manner: RESIDENT };
            lab.reconciler = lab.reconciler.behind(Fence::epoch(copy));
        }
        let image = format!("shop/web:{number}");
        let text = [cluster("shop"), service("web", &image, "", "")].concat();
        daemons.push(Running::of(lab, (Duration::from_secs(30), false), &[("all.yaml", &text)]));
        seconds(10).await;
    }
    seconds(time).await;
    let lab = Lab::over(sandbox).await;
    let revisions = lab.revisions("web").await.len();
    let ecs = lab.ecs();
    let deployments = ecs.list_service_deployments().cluster("shop").service("web").send().await.expect("a list");
    if fenced {
        assert_eq!(image(&lab).await, "shop/web:2", "the newer one is in charge");
        let board = daemons[0].board();
        assert!(board.contains(&"Service/web: drifted".to_owned()), "{board:?}");
        let standing = daemons[0].shared.board().standing.clone();
        assert!(matches!(standing, Some(Standing::Held(Hold::Standby(_)))), "{standing:?}");
        assert!(daemons[0].shared.metrics.text().expect("metrics").contains("\nevenkeel_writer 0\n"));
        assert!(daemons[1].shared.metrics.text().expect("metrics").contains("\nevenkeel_writer 1\n"));
    }
    for daemon in daemons {
        daemon.stop().await;
    }
    (revisions, deployments.service_deployments().len())
}

#[tokio::test(start_paused = true)]
async fn an_hour_with_two_commits_is_one_handover() {
    let (revisions, deployments) = two_commits(true, HOUR).await;
    println!("two commits, one virtual hour: {revisions} revisions, {deployments} deployments");
    assert!(revisions <= 3 && deployments <= 2, "{revisions} revisions, {deployments} deployments");
    let (revisions, deployments) = two_commits(false, HOUR / 6).await;
    println!("without a fence, in ten minutes: {revisions} revisions, {deployments} deployments");
    assert!(revisions > 3 && deployments > 2, "without a fence: {revisions} revisions, {deployments} deployments");
}

#[tokio::test(start_paused = true)]
async fn two_copies_of_one_commit_write_nothing_twice() {
    for kind in kinds() {
        let lab = lab(&kind).await;
        let turns = Turns::new(Vec::new());
        let mut lives = Vec::new();
        for who in ["A", "B"] {
            let what = format!("process 1 on {who}");
            let copy = (&kind, RESIDENT);
            let process = Process::start(&lab, &turns, (who, &what), &commit(1), copy, Freezer::default()).await;
            lives.push(Life::begin(process));
        }
        seconds(900).await;
        let mut calls: Vec<String> = turns.writes().into_iter().map(|call| call.operation).collect();
        calls.sort();
        assert_eq!(calls, ["CreateCluster", "CreateRole", "CreateService", "RegisterTaskDefinition"], "{kind:?}");
        for life in lives {
            life.kill();
        }
    }
}

/// A copy that is in charge and one that waits for it, each an ECS task; with the tasks' ARNs.
struct Pair {
    lab: Lab,
    turns: Arc<Turns>,
    a: Life,
    b: Life,
    tasks: [String; 2],
}

async fn pair(kind: &Kind) -> Pair {
    let lab = lab(kind).await;
    let turns = Turns::new(Vec::new());
    let tasks = [task(&lab).await, task(&lab).await];
    let mut lives = Vec::new();
    // With epochs the copy that starts last is in charge, with leases the one that starts first.
    let order = if *kind == Kind::Epoch { [("B", 1), ("A", 0)] } else { [("A", 0), ("B", 1)] };
    for (who, number) in order {
        let text = commit(u32::try_from(number).expect("small") + 1);
        let what = (who, tasks[number].as_str());
        let process = Process::start(&lab, &turns, what, &text, (kind, RESIDENT), Freezer::default()).await;
        lives.push(Life::begin(process));
        seconds(200).await;
    }
    lives.sort_by_key(|life| life.process.who);
    let [a, b] = <[Life; 2]>::try_from(lives).unwrap_or_else(|_| unreachable!("two"));
    assert!(a.process.reconciler.standing().writes(), "{kind:?}");
    assert!(matches!(b.process.reconciler.standing(), Standing::Held(Hold::Standby(_))), "{kind:?}");
    assert_eq!(image(&lab).await, "shop/web:1", "{kind:?}");
    Pair { lab, turns, a, b, tasks }
}

#[tokio::test(start_paused = true)]
async fn when_the_copy_in_charge_is_stopped_the_other_takes_over_at_its_next_look() {
    for kind in kinds() {
        let Pair { lab, turns, a, b, .. } = pair(&kind).await;
        a.stop().await;
        seconds(20).await;
        assert!(b.process.reconciler.standing().writes(), "{kind:?}: {:?}", b.process.reconciler.standing());
        assert_eq!(image(&lab).await, "shop/web:2", "{kind:?}");
        let last = turns.writes().last().cloned().expect("a write");
        assert_eq!(last.who, "B");
        b.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_copy_in_charge_is_killed_the_other_takes_over() {
    for kind in kinds() {
        let Pair { lab, a, b, tasks, .. } = pair(&kind).await;
        a.kill();
        seconds(30).await;
        assert!(!b.process.reconciler.standing().writes(), "{kind:?}: its task may still run");
        stop_task(&lab, &tasks[0]).await;
        seconds(60).await;
        assert!(b.process.reconciler.standing().writes(), "{kind:?}: {:?}", b.process.reconciler.standing());
        assert_eq!(image(&lab).await, "shop/web:2", "{kind:?}");
        b.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_whose_new_task_dies_leaves_the_old_one_in_charge() {
    let Pair { lab, a, b, tasks, .. } = pair(&Kind::Epoch).await;
    // `a` is the newer of the two.
    a.kill();
    stop_task(&lab, &tasks[0]).await;
    seconds(200).await;
    assert!(b.process.reconciler.standing().writes());
    b.kill();
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_stopped_in_the_middle_of_a_pass_and_resumed_makes_one_call_more_at_most() {
    for kind in kinds() {
        let lab = lab(&kind).await;
        lab.settle(&commit(1)).await;
        let turns = Turns::new(Vec::new());
        for operation in ["UpdateRole", "RegisterTaskDefinition", "UpdateService"] {
            let freezer = Freezer::before(operation);
            // It wants to write several things, and is stopped before the first, the second or the third.
            let process = ("A", "process 1 on a");
            let a = Process::start(&lab, &turns, process, &commit(3), (&kind, RESIDENT), freezer.clone()).await;
            let a = Life::begin(a);
            seconds(150).await;
            assert!(freezer.is_frozen(), "{kind:?} {operation}: {:?}", turns.log());
            let process = ("B", "process 2 on b");
            let b = Process::start(&lab, &turns, process, &commit(2), (&kind, RESIDENT), Freezer::default()).await;
            let b = Life::begin(b);
            seconds(400).await;
            assert_eq!(image(&lab).await, "shop/web:2", "{kind:?} {operation}");
            let before = turns.writes().len();
            freezer.thaw();
            seconds(1).await;
            let late = &turns.writes()[before..];
            assert!(late.iter().filter(|call| call.who == "A").count() <= 1, "{kind:?} {operation}: {late:?}");
            seconds(400).await;
            assert!(matches!(a.process.reconciler.standing(), Standing::Held(Hold::Standby(_))));
            assert_eq!(image(&lab).await, "shop/web:2", "{kind:?} {operation}: what it did late was undone");
            a.stop().await;
            b.stop().await;
            lab.settle(&commit(1)).await;
            turns.clear();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_nobody_can_tell_who_is_in_charge_nothing_is_written() {
    let unreadable = |kind: &Kind| if *kind == Kind::Epoch { "DescribeTaskDefinition" } else { "PutItem" };
    for kind in kinds() {
        let lab = lab(&kind).await;
        let turns = Turns::new(Vec::new());
        let process = ("A", "process 1 on a");
        let a = Process::start(&lab, &turns, process, &commit(1), (&kind, RESIDENT), Freezer::default()).await;
        lab.inject(unreadable(&kind), u32::MAX, FaultKind::DropBefore);
        let a = Life::begin(a);
        seconds(300).await;
        assert_eq!(turns.writes().len(), 0, "{kind:?}");
        assert!(matches!(a.process.reconciler.standing(), Standing::Held(Hold::Unclear(_))), "{kind:?}");
        lab.sandbox.heal();
        seconds(300).await;
        assert_eq!(image(&lab).await, "shop/web:1", "{kind:?}");
        a.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_was_lost_is_found_again() {
    for kind in kinds() {
        let lab = lab(&kind).await;
        let turns = Turns::new(Vec::new());
        let process = ("A", "process 1 on a");
        let a = Process::start(&lab, &turns, process, &commit(1), (&kind, RESIDENT), Freezer::default()).await;
        let claim = if kind == Kind::Epoch { "RegisterTaskDefinition" } else { "PutItem" };
        lab.inject(claim, 1, FaultKind::DropAfter);
        let a = Life::begin(a);
        seconds(200).await;
        assert_eq!(image(&lab).await, "shop/web:1", "{kind:?}");
        a.kill();
    }
}

/// What `evenkeel apply` does: passes until one makes its calls.
async fn apply(process: &Process, stopped: &watch::Receiver<bool>) {
    loop {
        let pass = process.pass(stopped).await;
        match pass.held {
            None => return assert!(!pass.outcomes.is_empty()),
            Some(Hold::TakingOver { wait, .. }) => tokio::time::sleep(wait).await,
            Some(other) => unreachable!("{other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn apply_does_not_get_in_a_daemons_way_unless_it_is_told_to_and_then_gives_its_place_back() {
    let Pair { lab, turns, a, b, .. } = pair(&Kind::Epoch).await;
    b.kill();
    let (_stop, stopped) = watch::channel(false);
    let process = ("C", "process 3 on a laptop");
    let kind = Kind::Epoch;
    let shy = Process::start(&lab, &turns, process, &commit(3), (&kind, guest(false)), Freezer::default()).await;
    let pass = shy.pass(&stopped).await;
    assert!(matches!(&pass.held, Some(Hold::Standby(other)) if other.task().is_some()), "{:?}", pass.held);
    assert_eq!(turns.writes().iter().filter(|call| call.who == "C").count(), 0);
    let bold = Process::start(&lab, &turns, process, &commit(3), (&kind, guest(true)), Freezer::default()).await;
    let begun = Instant::now();
    apply(&bold, &stopped).await;
    assert!(begun.elapsed() > Duration::from_secs(60), "it waited until the daemon had noticed");
    seconds(20).await;
    assert!(matches!(a.process.reconciler.standing(), Standing::Held(Hold::Standby(_))));
    assert_eq!(image(&lab).await, "shop/web:3");
    bold.reconciler.release().await;
    seconds(60).await;
    assert!(a.process.reconciler.standing().writes());
    assert_eq!(image(&lab).await, "shop/web:1");
    a.kill();
}

#[cfg(feature = "lease")]
#[tokio::test(start_paused = true)]
async fn apply_with_a_lease_finds_out_whether_its_holder_lives() {
    let Pair { lab, turns, a, b, .. } = pair(&Kind::Lease).await;
    b.kill();
    let (_stop, stopped) = watch::channel(false);
    let (process, kind) = (("C", "process 3 on a laptop"), (&Kind::Lease, guest(false)));
    let shy = Process::start(&lab, &turns, process, &commit(3), kind, Freezer::default()).await;
    let held = loop {
        match shy.pass(&stopped).await.held {
            Some(Hold::TakingOver { wait, .. }) => tokio::time::sleep(wait).await,
            held => break held,
        }
    };
    assert!(matches!(held, Some(Hold::Standby(_))), "{held:?}");
    assert_eq!(turns.writes().iter().filter(|call| call.who == "C").count(), 0);
    a.kill();
    let shy = Process::start(&lab, &turns, process, &commit(3), kind, Freezer::default()).await;
    apply(&shy, &stopped).await;
    assert_eq!(image(&lab).await, "shop/web:3");
}

#[tokio::test(start_paused = true)]
async fn apply_that_is_killed_blocks_the_daemon_for_as_long_as_it_might_have_lasted() {
    let Pair { lab, turns, a, b, .. } = pair(&Kind::Epoch).await;
    b.kill();
    let (_stop, stopped) = watch::channel(false);
    let process = ("C", "process 3 on a laptop");
    let bold = Process::start(&lab, &turns, process, &commit(3), (&Kind::Epoch, guest(true)), Freezer::default()).await;
    apply(&bold, &stopped).await;
    seconds(600).await;
    assert!(!a.process.reconciler.standing().writes());
    seconds(600).await;
    assert!(a.process.reconciler.standing().writes());
    assert_eq!(image(&lab).await, "shop/web:1");
    a.kill();
}

#[tokio::test(start_paused = true)]
async fn copies_with_other_owners_have_nothing_to_do_with_each_other() {
    use evenkeel::fence::epoch::family;
    let names = ["evenkeel", "team-a", "team a", "team_a", "team/a", "team.a", "team_20_a"].map(family);
    let mut distinct = names.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    let legal = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    assert!(names.iter().all(legal), "{names:?}");
    assert!(family(&"é".repeat(256)).len() <= 255);
}

#[tokio::test(start_paused = true)]
async fn export_does_not_show_claims_and_no_manifest_may_make_one() {
    let lab = lab(&Kind::Epoch).await;
    let turns = Turns::new(Vec::new());
    let process = ("A", "process 1 on a");
    let a = Process::start(&lab, &turns, process, &commit(1), (&Kind::Epoch, RESIDENT), Freezer::default()).await;
    let a = Life::begin(a);
    seconds(60).await;
    assert_eq!(lab.revisions("evenkeel-writer-evenkeel").await, ["evenkeel-writer-evenkeel:1"]);
    let families = lab.reconciler.aws().list_families().await.expect("families");
    assert_eq!(families.into_iter().collect::<Vec<_>>(), ["web"]);
    a.kill();
}

/// Two copies whose clocks differ, over a network that takes its time and loses answers: what they may do is
/// asked of the decisions alone, and the account is one record.
mod clocks {
    use super::*;
    use evenkeel::fence::epoch::{Epoch, Step};
    use evenkeel::fence::lease::{self, Lease, Put};
    use evenkeel::fence::{ATTEMPT_MAX, CALL_MAX, Claim};
    use proptest::prelude::*;

    /// One turn of one copy: real time that passes before it, on the way there, and on the way back; whether
    /// the answer is lost; whether it wants to write.
    #[derive(Debug, Clone)]
    struct Turn {
        who: usize,
        before: f64,
        there: f64,
        back: f64,
        lost: bool,
        writing: bool,
    }

    fn turn() -> impl Strategy<Value = Turn> {
        let wait = prop_oneof![4 => 0.0..4.0, 2 => 4.0..25.0, 1 => 25.0..120.0];
        let way = prop_oneof![4 => 0.0..0.5, 1 => 0.5..9.0];
        (0..2_usize, wait, way.clone(), way, prop::bool::weighted(0.1), prop::bool::weighted(0.7))
            .prop_map(|(who, before, there, back, lost, writing)| Turn { who, before, there, back, lost, writing })
    }

    /// The one clock may run up to twice as fast as the other, from any beginning.
    fn clocks() -> impl Strategy<Value = [(f64, f64); 2]> {
        ([1.0..=2.0, 1.0..=2.0], [0.0..1e6, 0.0..1e6])
            .prop_map(|(rates, starts)| [(rates[0], starts[0]), (rates[1], starts[1])])
    }

    fn copy(who: usize) -> Copy {
        Copy { id: who.to_string(), what: format!("process {who} on a"), manner: RESIDENT }
    }

    fn claim(who: usize, epoch: u64) -> Claim {
        let copy = copy(who);
        Claim { epoch, id: copy.id, what: copy.what, since: String::new(), lasts: None, released: false }
    }

    /// When which copy could be writing, in real time.
    #[derive(Default)]
    struct Windows(Vec<(usize, f64, f64)>);

    impl Windows {
        fn allow(&mut self, who: usize, from: f64, until: f64) {
            let other = self.0.iter().find(|(other, begin, end)| *other != who && *begin < until && from < *end);
            assert!(other.is_none(), "{who} may write from {from} to {until}, and so may {other:?}");
            self.0.push((who, from, until));
        }
    }

    /// Turns of one copy follow each other; those of two may overlap on the way.
    #[derive(Clone, Copy)]
    struct Moment {
        sent: f64,
        applied: f64,
        answered: f64,
    }

    fn moments(turns: &[Turn]) -> Vec<(Turn, Moment)> {
        let mut free = [0.0_f64; 2];
        let mut now = 0.0;
        let mut all = Vec::new();
        for turn in turns {
            now += turn.before;
            let sent = free[turn.who].max(now);
            let applied = sent + turn.there;
            let answered = applied + turn.back;
            free[turn.who] = answered;
            all.push((turn.clone(), Moment { sent, applied, answered }));
        }
        // The account sees them in this order.
        all.sort_by(|a, b| a.1.applied.total_cmp(&b.1.applied));
        all
    }

    proptest! {
        #[test]
        fn of_two_copies_with_a_lease_only_one_may_write_at_any_time(
            turns in prop::collection::vec(turn(), 2..60), clocks in clocks(),
        ) {
            let mut copies = [Lease::new(copy(0)), Lease::new(copy(1))];
            let own = |who: usize, real: f64| Duration::from_secs_f64(clocks[who].1 + clocks[who].0 * real);
            let mut record: Option<Claim> = None;
            let mut windows = Windows::default();
            for (turn, moment) in moments(&turns) {
                let (who, lease) = (turn.who, &mut copies[turn.who]);
                let (now, answered) = (own(who, moment.sent), own(who, moment.answered));
                match lease.next(now, turn.writing) {
                    lease::Step::Write if turn.writing => {
                        windows.allow(who, moment.sent, moment.sent + ATTEMPT_MAX.as_secs_f64() / clocks[who].0);
                    }
                    lease::Step::Look if !turn.lost => lease.looked(answered, record.clone()),
                    lease::Step::Put { version, over } => {
                        let put = if record == over {
                            record = Some(claim(who, version));
                            Put::Done
                        } else {
                            Put::Refused(record.clone())
                        };
                        if !turn.lost {
                            lease.put(claim(who, version), put, now, answered);
                        }
                    }
                    _ => {}
                }
            }
        }

        #[test]
        fn of_two_copies_with_epochs_only_one_may_write_at_any_time(
            turns in prop::collection::vec(turn(), 2..60), clocks in clocks(), restarts in prop::collection::vec(any::<bool>(), 60),
        ) {
            let mut copies = [Epoch::new(copy(0)), Epoch::new(copy(1))];
            let own = |who: usize, real: f64| Duration::from_secs_f64(clocks[who].1 + clocks[who].0 * real);
            let mut claims: Vec<Claim> = Vec::new();
            let mut windows = Windows::default();
            for ((turn, moment), restart) in moments(&turns).into_iter().zip(restarts) {
                let who = turn.who;
                if restart && turn.before > 60.0 && copies[who].writes_as().is_none() {
                    // A new process in its place, which claims.
                    copies[who] = Epoch::new(copy(who));
                }
                let epoch = &mut copies[who];
                let (now, answered) = (own(who, moment.sent), own(who, moment.answered));
                match epoch.next(now, turn.writing) {
                    Step::Write if turn.writing => {
                        windows.allow(who, moment.sent, moment.sent + CALL_MAX.as_secs_f64() / clocks[who].0);
                    }
                    Step::Look if !turn.lost => epoch.looked(now, claims.last().cloned(), None),
                    Step::Claim => {
                        let number = claims.len() as u64 + 1;
                        claims.push(claim(who, number));
                        if turn.lost {
                            epoch.not_claimed();
                        } else {
                            epoch.claimed(number, now, answered);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
