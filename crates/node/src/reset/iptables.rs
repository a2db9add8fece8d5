//! The chains that the CNI plugin `portmap` makes for host ports, and leaves behind.

use tokio::process::Command;

const CHAINS: [&str; 3] = ["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"];
const HOOKS: [&str; 3] = ["PREROUTING", "OUTPUT", "POSTROUTING"];

/// Removes them, for both families. Says whether there were any.
pub(super) async fn remove_host_ports() -> Result<bool, std::io::Error> {
    let mut any = false;
    for program in ["iptables", "ip6tables"] {
        let Some(rules) = run(program, &["-t", "nat", "-S"]).await else { continue };
        any |= rules.contains("CNI-");
        for rule in rules.lines().filter(|rule| is_jump(rule)) {
            let words = words(rule);
            let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            run(program, &[&["-t", "nat", "-D"], &arguments[..]].concat()).await;
        }
        let chains: Vec<&str> = rules.lines().filter_map(|rule| rule.strip_prefix("-N CNI-")).collect();
        for step in ["-F", "-X"] {
            for chain in &chains {
                run(program, &["-t", "nat", step, &format!("CNI-{chain}")]).await;
            }
        }
    }
    if any {
        remove_empty_tables().await;
    }
    Ok(any)
}

/// iptables over nf_tables leaves its table behind, with chains that do nothing.
async fn remove_empty_tables() {
    for (program, family) in [("iptables", "ip"), ("ip6tables", "ip6")] {
        let over_nft = run(program, &["-V"]).await.is_some_and(|version| version.contains("nf_tables"));
        let rules = run(program, &["-t", "nat", "-S"]).await.unwrap_or_default();
        if over_nft && rules.lines().all(|rule| rule.starts_with("-P ") && rule.ends_with(" ACCEPT")) {
            let _ = Command::new("nft").args(["delete", "table", family, "nat"]).output().await;
        }
    }
}

/// A rule of a built-in chain that leads to one of the plugin's.
fn is_jump(rule: &str) -> bool {
    let from_hook = HOOKS.iter().any(|hook| rule.starts_with(&format!("-A {hook} ")));
    from_hook && CHAINS.iter().any(|chain| rule.contains(&format!("-j {chain}")))
}

/// Splits a rule as `iptables -S` prints it: comments stand in quotes.
fn words(rule: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in rule.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words
}

/// `None` when the program is not there or fails: then there is nothing of ours.
async fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).arg("-w").args(arguments).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plugins_jumps_are_removed() {
        let check = |rule: &str, expected: bool| assert_eq!(is_jump(rule), expected, "{rule}");
        check("-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT", true);
        check("-A POSTROUTING -m comment --comment \"x\" -j CNI-HOSTPORT-MASQ", true);
        check("-A PREROUTING -j DOCKER", false);
        check("-A CNI-HOSTPORT-DNAT -p tcp -j CNI-DN-1", false);
        assert_eq!(words("-A X --comment \"a b\" -j Y"), ["-A", "X", "--comment", "a b", "-j", "Y"]);
    }
}
