//! A real containerd, a real pod: started, used, killed, recovered, wiped. Skipped, with the reason, where
//! that cannot be done (no root, something not installed).

mod bench;
mod machine;
mod outlive;
mod pod;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ironclad_cri::Cri;
use ironclad_cri::v1::ContainerState;
use ironclad_runtime::{Change, Containerd, Health, Snapshotter, find, images};

use machine::{Machine, SANDBOX_IMAGE, eventually};
use pod::{BUSYBOX, Pod};

#[test]
fn a_pod_lives_on_a_containerd_of_our_own_and_nothing_is_left_of_it() {
    tell(story);
}

#[test]
fn pods_run_where_the_file_system_cannot_be_overlaid() {
    tell(copied_layers);
}

/// Runs one story on a machine of its own and checks that nothing is left of it.
fn tell<F: Future<Output = ()> + Send + 'static>(story: fn(Arc<Machine>, Containerd) -> F) {
    // One at a time: what is left is looked for on the whole machine.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let machine = match Machine::new() {
        Ok(machine) => machine,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let before = machine.traces();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let containerd = machine.containerd();
    // In a task, so that a failed assertion still leads to the cleaning below.
    let told = runtime.block_on(async { tokio::spawn(story(machine.clone(), containerd.clone())).await });
    runtime.block_on(containerd.wipe()).unwrap();
    machine.remove_network();
    told.unwrap();

    assert_eq!(machine.traces(), before);
    assert_eq!(runtime.block_on(containerd.health()), Health::Stopped);
    // Nothing to do is no error.
    runtime.block_on(containerd.stop()).unwrap();
    runtime.block_on(containerd.wipe()).unwrap();
}

async fn copied_layers(machine: Arc<Machine>, containerd: Containerd) {
    // What an earlier start chose stays chosen.
    std::fs::create_dir(machine.path("data")).unwrap();
    machine.file("data/config.toml", b"snapshotter = \"native\"\n");
    let running = containerd.ensure_running().await.unwrap();
    assert_eq!(running.snapshotter, Snapshotter::Native);
    let cri = containerd.client();
    images_arrive(&machine, &running.importer(), &cri).await;
    Pod::run(&machine, &cri, "copied").await.remove(&cri).await;
}

async fn story(machine: Arc<Machine>, containerd: Containerd) {
    assert_eq!(containerd.health().await, Health::Stopped);
    let started_by_another = outlive::start_and_die(&machine).await;
    let running = containerd.ensure_running().await.unwrap();
    assert!(!running.started && running.pid == started_by_another, "one that runs is left alone");
    assert!(matches!(containerd.health().await, Health::Running { pid, .. } if pid == running.pid));
    in_a_session_of_its_own(running.pid);
    is_found(&running.socket).await;

    let cri = containerd.client();
    images_arrive(&machine, &running.importer(), &cri).await;
    let pod = Pod::run(&machine, &cri, "first").await;
    pod_works(&pod, &cri).await;
    bench::raw_calls(&machine, &cri).await;
    survives_a_crash(&containerd, &pod, running.pid).await;
    pod.remove(&cri).await;
    assert!(cri.list_pod_sandboxes(None).await.unwrap().is_empty());
    // One is left running for `wipe` to end.
    Pod::run(&machine, &cri, "second").await;
}

/// As any other runtime is, which tells what it starts pods from and where it looks for the network.
async fn is_found(socket: &Path) {
    let found = find([Path::new("/nonexistent.sock"), socket]).await.unwrap();
    println!("{found:?}");
    assert_eq!((found.name.as_str(), found.socket.as_path()), ("containerd", socket));
    assert_eq!(found.sandbox_image.as_deref(), Some(SANDBOX_IMAGE));
    assert!(found.snapshotter.is_some() && found.cni_conf_dir.is_some());
}

fn in_a_session_of_its_own(pid: i32) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string(), "a signal to our terminal would reach it");
}

async fn images_arrive(machine: &Machine, importer: &images::Importer, cri: &dyn Cri) {
    importer.ensure_sandbox_image(cri, SANDBOX_IMAGE).await.unwrap();
    importer.ensure_sandbox_image(cri, SANDBOX_IMAGE).await.unwrap();
    assert_eq!(importer.import(cri, &machine.busybox_archive()).await.unwrap(), [BUSYBOX]);
    let names: Vec<_> = images::list(cri).await.unwrap().into_iter().flat_map(|image| image.names).collect();
    assert_eq!(names, [BUSYBOX, SANDBOX_IMAGE]);

    let broken = machine.file("broken.tar", b"not a tar file");
    let error = importer.import(cri, &broken).await.unwrap_err().to_string();
    assert!(error.contains("broken.tar"), "{error}");
}

async fn pod_works(pod: &Pod, cri: &dyn Cri) {
    let sandbox = cri.pod_sandbox_status(&pod.sandbox, false).await.unwrap().status.unwrap();
    assert!(sandbox.network.unwrap().ip.starts_with("10."), "an address from the pod's network");

    let shell = |script: &str| ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let run = cri.exec_sync(&pod.container, &shell("echo out; echo err >&2; exit 3"), 10).await.unwrap();
    assert_eq!((&run.stdout[..], &run.stderr[..], run.exit_code), (&b"out\n"[..], &b"err\n"[..], 3));
    let late = cri.exec_sync(&pod.container, &shell("sleep 30"), 1).await.unwrap_err();
    assert!(late.is_unanswered(), "{late:?}");
    let gone = cri.container_status("no-such-container", false).await.unwrap_err();
    assert!(gone.is_not_found(), "{gone:?}");
    // PID 1 of the shared namespace is our own program, and orphans do not stay as zombies.
    let orphan = shell("(sleep 0.1 &) ; sleep 0.5; cat /proc/1/comm; ps | grep -c '[Zz]ombie\\|\\[sleep\\]'");
    let run = cri.exec_sync(&pod.container, &orphan, 10).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "pause\n0\n");

    let log = pod.log();
    eventually("the log has the first line", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains(" stdout F started\n"))
    })
    .await;
    assert!(!cri.list_container_stats(None).await.unwrap().is_empty());
    assert!(!cri.image_fs_info().await.unwrap().image_filesystems.is_empty());
}

async fn survives_a_crash(containerd: &Containerd, pod: &Pod, pid: i32) {
    let cri = containerd.client();
    let started_at = pod.started_at(&cri).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watcher = tokio::spawn({
        let (containerd, seen) = (containerd.clone(), seen.clone());
        async move {
            let tell = |change| match change {
                Change::Up(running) => seen.lock().unwrap().push(format!("up {}", running.started)),
                Change::Down { pid } => seen.lock().unwrap().push(format!("down {pid}")),
                Change::Failed { error, .. } => seen.lock().unwrap().push(error.to_string()),
            };
            containerd.keep_running(&tell).await
        }
    });
    eventually("it is watched", || seen.lock().unwrap().len() == 1).await;
    machine::kill(pid);
    eventually("it is started again", || seen.lock().unwrap().len() == 3).await;
    watcher.abort();
    assert_eq!(*seen.lock().unwrap(), ["up false".to_owned(), format!("down {pid}"), "up true".to_owned()]);

    let status = cri.container_status(&pod.container, false).await.unwrap().status.unwrap();
    assert_eq!(status.state(), ContainerState::ContainerRunning);
    assert_eq!(status.started_at, started_at, "the container has not noticed");
}
