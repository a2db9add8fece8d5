//! Which resources an entry of the configuration is about.

use ironclad_api::GroupResource;

/// `secrets`, `deployments.apps`, `*.apps` (a group), `*.` (the core group) or `*.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    group: String,
    resource: String,
}

impl Name {
    pub fn parse(text: &str) -> Self {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        Self { group: group.to_owned(), resource: resource.to_owned() }
    }

    pub fn covers(&self, resource: &GroupResource) -> bool {
        let is = |name: &str, value: &str| name == "*" || name == value;
        // `*.*` is the only name of any group.
        is(&self.group, &resource.group) && is(&self.resource, &resource.resource)
    }

    /// As upstream prints it: `*.` for the core group.
    fn text(&self) -> String {
        match (self.group.as_str(), self.resource.as_str()) {
            ("", "*") => "*.".to_owned(),
            ("", resource) => resource.to_owned(),
            (group, resource) => format!("{resource}.{group}"),
        }
    }
}

/// What is wrong with a list of names, as upstream says it: the index (`None` for the list) and the text.
pub fn faults(texts: &[String]) -> Vec<(Option<usize>, &'static str)> {
    let names: Vec<Name> = texts.iter().map(|text| Name::parse(text)).collect();
    let mut faults = Vec::new();
    let pairs = || names.iter().enumerate().flat_map(|(at, a)| names[at + 1..].iter().map(move |b| (a, b)));
    if pairs().any(|(a, b)| a == b) {
        faults.push((None, "the same resource cannot be specified multiple times"));
    }
    if pairs().any(|(a, b)| a != b && overlap(a, b)) {
        faults.push((
            None,
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
        ));
    }
    let single = texts.iter().zip(&names).enumerate();
    faults.extend(single.filter_map(|(at, (text, name))| Some((Some(at), fault(text, name)?))));
    faults
}

fn overlap(a: &Name, b: &Name) -> bool {
    let all = |name: &Name| name.group == "*" && name.resource == "*";
    all(a) || all(b) || (a.group == b.group && (a.resource == "*" || b.resource == "*"))
}

fn fault(text: &str, name: &Name) -> Option<&'static str> {
    if text.chars().any(char::is_uppercase) {
        return Some("resource name should not contain capital letters");
    }
    match (text, name.group.as_str(), name.resource.as_str()) {
        ("*", ..) => {
            Some("use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources")
        }
        ("apiserveripinfo" | "serviceipallocations" | "servicenodeportallocations", ..) => {
            Some("resources which do not have REST API/s cannot be encrypted")
        }
        (_, "events.k8s.io", _) => Some(
            "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file",
        ),
        (_, "extensions", _) => Some("'extensions' group has been removed and cannot be used for encryption"),
        (_, "*", resource) if resource != "*" => {
            Some("encrypting the same resource across groups is not supported")
        }
        _ => None,
    }
}

/// The first name of all lists, in their order, that a wider one before it leaves without effect.
pub fn masked(texts: &[String]) -> Option<String> {
    let names: Vec<Name> = texts.iter().map(|text| Name::parse(text)).collect();
    names.iter().enumerate().find_map(|(at, name)| {
        let before = names.get(..at)?;
        let group = Name { group: name.group.clone(), resource: "*".to_owned() };
        let all = Name { group: "*".to_owned(), resource: "*".to_owned() };
        let by = [group, all].into_iter().find(|wider| before.contains(wider))?;
        Some(format!("resource {:?} is masked by earlier rule {:?}", name.text(), by.text()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn names_are_of_a_resource_a_group_or_everything() {
        let check = |names: &[&str], group: &'static str, resource: &'static str, expected: bool| {
            let resource = &GroupResource::new(group, resource);
            let got = names.iter().any(|name| Name::parse(name).covers(resource));
            assert_eq!(got, expected, "{names:?} {group} {resource}");
        };
        check(&["secrets"], "", "secrets", true);
        check(&["secrets"], "example.com", "secrets", false);
        check(&["deployments.apps"], "apps", "deployments", true);
        check(&["*.apps"], "apps", "deployments", true);
        check(&["*.apps"], "", "pods", false);
        check(&["*."], "", "pods", true);
        check(&["*."], "apps", "deployments", false);
        check(&["*.*"], "apps", "deployments", true);
        check(&["widgets.example.com"], "example.com", "widgets", true);
    }

    #[test]
    fn what_a_wider_name_before_it_masks_is_told() {
        let check = |names: &[&str], expected: Option<&str>| {
            assert_eq!(masked(&texts(names)).as_deref(), expected, "{names:?}");
        };
        check(&["secrets", "*.apps", "*.*"], None);
        check(
            &["*.apps", "deployments.apps"],
            Some("resource \"deployments.apps\" is masked by earlier rule \"*.apps\""),
        );
        check(&["*.", "secrets"], Some("resource \"secrets\" is masked by earlier rule \"*.\""));
        check(&["*.*", "secrets"], Some("resource \"secrets\" is masked by earlier rule \"*.*\""));
    }

    #[test]
    fn names_that_mask_each_other_or_mean_nothing_are_told() {
        let check = |names: &[&str], expected: &[(Option<usize>, &str)]| {
            let found: Vec<_> = faults(&texts(names))
                .into_iter()
                .map(|(at, text)| (at, text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")))
                .collect();
            let expected: Vec<_> = expected.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
            assert_eq!(found, expected, "{names:?}");
        };
        check(&["secrets", "configmaps", "*.apps"], &[]);
        check(&["secrets", "secrets"], &[(None, "the same resource")]);
        check(&["secrets", "*."], &[(None, "using overlapping resources")]);
        check(&["*.*", "deployments.apps"], &[(None, "using overlapping resources")]);
        check(&["*"], &[(Some(0), "use '*.' to")]);
        check(&["secrets", "Pods"], &[(Some(1), "resource name should")]);
        check(&["secrets.*"], &[(Some(0), "encrypting the same")]);
        check(&["events.events.k8s.io"], &[(Some(0), "'*.events.k8s.io' objects are")]);
    }
}
