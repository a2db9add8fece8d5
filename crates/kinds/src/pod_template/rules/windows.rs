//! Options that only Windows pods have. Nodes here run Linux; the API takes the objects all the same.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::Errors;
use super::scene::visit;

const MAX_SPEC_KIB: usize = 64;
const MAX_DOMAIN: usize = 256;
const MAX_USER: usize = 104;
const USER_FORBIDS: &str = "\"/\\:;|=,+*?<>@[]";
const NETBIOS_FORBIDS: &str = "\\/:*?\"<>|";

pub(super) fn options(options: Option<&core::WindowsSecurityContextOptions>, path: &Path) -> Errors {
    let Some(options) = options else { return Errors::new() };
    let mut errors = Errors::new();
    if let Some(name) = &options.gmsa_credential_spec_name {
        let faults = validation::dns1123_subdomain(name);
        errors.extend(validation::invalid_each(&path.child("gmsaCredentialSpecName"), name, faults));
    }
    if let Some(spec) = &options.gmsa_credential_spec {
        let fault = match spec.len() {
            0 => Some("gmsaCredentialSpec cannot be an empty string".to_owned()),
            length if length > MAX_SPEC_KIB * 1024 => {
                Some(format!("gmsaCredentialSpec size must be under {MAX_SPEC_KIB} KiB"))
            }
            _ => None,
        };
        errors.extend(fault.map(|fault| FieldError::invalid(&path.child("gmsaCredentialSpec"), spec, fault)));
    }
    if let Some(name) = &options.run_as_user_name {
        let path = path.child("runAsUserName");
        errors.extend(
            user_faults(name)
                .into_iter()
                .map(|fault| FieldError::invalid(&path, name, format!("runAsUserName{fault}"))),
        );
    }
    errors
}

/// `[DOMAIN\]USER`; the faults go on after the field's name.
fn user_faults(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec![" cannot be an empty string".into()];
    }
    if name.bytes().any(|b| b.is_ascii_control()) {
        return vec![" cannot contain control characters".into()];
    }
    let (domain, user) = match name.split_once('\\') {
        Some((_, user)) if user.contains('\\') => {
            return vec![" cannot contain more than one backslash".into()];
        }
        Some((domain, user)) => (Some(domain), user),
        None => (None, name),
    };
    let only_dots = !user.is_empty() && user.bytes().all(|b| b == b'.' || b == b' ');
    let faults = [
        (
            domain.is_some_and(|domain| domain.len() >= MAX_DOMAIN),
            format!("'s Domain length must be under {MAX_DOMAIN} characters"),
        ),
        (
            domain.is_some_and(|domain| !is_domain(domain)),
            "'s Domain doesn't match the NetBios nor the DNS format".into(),
        ),
        (user.is_empty(), "'s User cannot be empty".into()),
        (user.len() > MAX_USER, format!("'s User length must not be longer than {MAX_USER} characters")),
        (only_dots, "'s User cannot contain only periods or spaces".into()),
        (
            user.contains(|c| USER_FORBIDS.contains(c)),
            "'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]".into(),
        ),
    ];
    faults.into_iter().filter(|(wrong, _)| *wrong).map(|(_, fault)| fault).collect()
}

fn is_domain(domain: &str) -> bool {
    let netbios = (1..=15).contains(&domain.chars().count())
        && !domain.starts_with('.')
        && !domain.contains(|c| NETBIOS_FORBIDS.contains(c));
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        bytes.len() <= 63
            && ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    netbios || domain.split('.').all(is_label)
}

/// Containers that are processes of the host: all of them or none.
pub(super) fn host_process(spec: &core::PodSpec, path: &Path) -> Errors {
    let of = |options: Option<&core::WindowsSecurityContextOptions>| {
        options.and_then(|options| options.host_process)
    };
    let of_pod = of(spec.security_context.as_ref().and_then(|context| context.windows_options.as_ref()));
    let (mut errors, mut count, mut hosted) = (Errors::new(), 0, 0);
    visit(spec, path, |container, path| {
        let own =
            of(container.security_context.as_ref().and_then(|context| context.windows_options.as_ref()));
        count += 1;
        hosted += usize::from(own.or(of_pod) == Some(true));
        if let (Some(of_pod), Some(own)) = (of_pod, own)
            && of_pod != own
        {
            let path = path.child("securityContext.windowsOptions.hostProcess");
            let detail =
                format!("pod hostProcess value must be identical if both are specified, was {of_pod}");
            errors.push(FieldError::invalid(&path, own, detail));
        }
    });
    if hosted == 0 {
        return errors;
    }
    if hosted != count {
        let detail =
            "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(FieldError::invalid(path, "", detail));
    }
    if spec.host_network != Some(true) {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(FieldError::invalid(&path.child("hostNetwork"), false, detail));
    }
    errors
}
