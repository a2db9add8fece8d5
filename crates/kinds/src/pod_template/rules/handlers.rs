//! Probes and lifecycle hooks, and what they do.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::scene::Scene;
use super::{Errors, each_fault, is_empty, items, one_of, required, text};

const SIGNALS: [&str; 65] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMAX-1",
    "SIGRTMAX-10",
    "SIGRTMAX-11",
    "SIGRTMAX-12",
    "SIGRTMAX-13",
    "SIGRTMAX-14",
    "SIGRTMAX-2",
    "SIGRTMAX-3",
    "SIGRTMAX-4",
    "SIGRTMAX-5",
    "SIGRTMAX-6",
    "SIGRTMAX-7",
    "SIGRTMAX-8",
    "SIGRTMAX-9",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];
const WINDOWS_SIGNALS: [&str; 2] = ["SIGKILL", "SIGTERM"];

/// What a probe or a hook does; exactly one is set.
struct Handler<'a> {
    exec: Option<&'a core::ExecAction>,
    http: Option<&'a core::HTTPGetAction>,
    tcp: Option<&'a core::TCPSocketAction>,
    grpc: Option<&'a core::GRPCAction>,
    sleep: Option<&'a core::SleepAction>,
}

// === probes ===

pub(super) fn probes(container: &core::Container, scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if let Some(liveness) = &container.liveness_probe {
        let path = path.child("livenessProbe");
        errors.extend(probe(liveness, scene, &path));
        errors.extend(succeeds_at_once(liveness, &path));
    }
    if let Some(readiness) = &container.readiness_probe {
        let path = path.child("readinessProbe");
        errors.extend(probe(readiness, scene, &path));
        if let Some(seconds) = readiness.termination_grace_period_seconds {
            let path = path.child("terminationGracePeriodSeconds");
            errors.push(FieldError::invalid(&path, seconds, "must not be set for readinessProbes"));
        }
    }
    if let Some(startup) = &container.startup_probe {
        let path = path.child("startupProbe");
        errors.extend(probe(startup, scene, &path));
        errors.extend(succeeds_at_once(startup, &path));
    }
    errors
}

fn succeeds_at_once(probe: &core::Probe, path: &Path) -> Option<FieldError> {
    let threshold = probe.success_threshold.unwrap_or(0);
    (threshold != 1).then(|| FieldError::invalid(&path.child("successThreshold"), threshold, "must be 1"))
}

fn probe(probe: &core::Probe, scene: &Scene<'_>, path: &Path) -> Errors {
    let handler = Handler {
        exec: probe.exec.as_ref(),
        http: probe.http_get.as_ref(),
        tcp: probe.tcp_socket.as_ref(),
        grpc: probe.grpc.as_ref(),
        sleep: None,
    };
    let mut errors = handler.validate(scene, path);
    for (field, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        let number = number.unwrap_or(0).into();
        errors.extend(validation::number::not_negative(&path.child(field), number));
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|seconds| *seconds <= 0) {
        let path = path.child("terminationGracePeriodSeconds");
        errors.push(FieldError::invalid(&path, seconds, "must be greater than 0"));
    }
    errors
}

// === hooks ===

pub(super) fn lifecycle(lifecycle: &core::Lifecycle, scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (field, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        let Some(hook) = hook else { continue };
        let handler = Handler {
            exec: hook.exec.as_ref(),
            http: hook.http_get.as_ref(),
            tcp: hook.tcp_socket.as_ref(),
            grpc: None,
            sleep: hook.sleep.as_ref(),
        };
        errors.extend(handler.validate(scene, &path.child(field)));
    }
    if let Some(signal) = &lifecycle.stop_signal {
        errors.extend(stop_signal(signal, scene, &path.child("stopSignal")));
    }
    errors
}

fn stop_signal(signal: &str, scene: &Scene<'_>, path: &Path) -> Option<FieldError> {
    match scene.os() {
        None => Some(FieldError::forbidden(path, "may not be set for containers with empty `spec.os.name`")),
        Some("windows") => one_of(path, signal, &WINDOWS_SIGNALS),
        Some("linux") => one_of(path, signal, &SIGNALS),
        Some(_) => None,
    }
}

// === handlers ===

impl Handler<'_> {
    fn validate(&self, scene: &Scene<'_>, path: &Path) -> Errors {
        let set = [
            ("exec", self.exec.is_some()),
            ("httpGet", self.http.is_some()),
            ("tcpSocket", self.tcp.is_some()),
            ("grpc", self.grpc.is_some()),
            ("sleep", self.sleep.is_some()),
        ];
        let mut set = set.into_iter().filter(|(_, set)| *set).map(|(field, _)| field);
        let Some(first) = set.next() else {
            return vec![FieldError::required(path, "must specify a handler type")];
        };
        let mut errors = self.action(first, scene, &path.child(first));
        let detail = "may not specify more than 1 handler type";
        errors.extend(set.map(|field| FieldError::forbidden(&path.child(field), detail)));
        errors
    }

    fn action(&self, field: &str, scene: &Scene<'_>, path: &Path) -> Errors {
        let exec = self.exec.filter(|_| field == "exec");
        let http = self.http.filter(|_| field == "httpGet");
        let tcp = self.tcp.filter(|_| field == "tcpSocket");
        let grpc = self.grpc.filter(|_| field == "grpc");
        let sleep = self.sleep.filter(|_| field == "sleep");
        let mut errors = Errors::new();
        if exec.is_some_and(|exec| is_empty(&exec.command)) {
            errors.push(FieldError::required(&path.child("command"), ""));
        }
        errors.extend(http.into_iter().flat_map(|http| self::http(http, path)));
        errors.extend(tcp.into_iter().flat_map(|tcp| port(&tcp.port, &path.child("port"))));
        errors.extend(
            grpc.into_iter().flat_map(|grpc| port(&IntOrString::Int(grpc.port), &path.child("port"))),
        );
        errors.extend(sleep.and_then(|sleep| self::sleep(sleep.seconds, scene.grace_seconds(), path)));
        errors
    }
}

fn http(request: &core::HTTPGetAction, path: &Path) -> Errors {
    let mut errors: Errors = required(path, "path", text(&request.path)).into_iter().collect();
    errors.extend(port(&request.port, &path.child("port")));
    errors.extend(one_of(&path.child("scheme"), text(&request.scheme), &["HTTP", "HTTPS"]));
    for header in items(&request.http_headers) {
        let faults = validation::word::http_header_name(&header.name);
        errors.extend(validation::invalid_each(&path.child("httpHeaders"), &header.name, faults));
    }
    errors
}

fn port(port: &IntOrString, path: &Path) -> Errors {
    match port {
        IntOrString::Int(number) => {
            let number = i64::from(*number);
            each_fault(path, number, validation::number::port_number(number)).collect()
        }
        IntOrString::String(name) => validation::invalid_each(path, name, validation::word::port_name(name)),
    }
}

/// A hook cannot sleep longer than the pod has to end (KEP-3960).
fn sleep(seconds: i64, grace: Option<i64>, path: &Path) -> Option<FieldError> {
    let grace = grace.filter(|grace| !(0..=*grace).contains(&seconds))?;
    let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
    Some(FieldError::invalid(path, seconds, detail))
}
