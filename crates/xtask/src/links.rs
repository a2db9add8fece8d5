//! `cargo xtask links`: every link between the documents leads to a file that is there, and to a heading of it
//! where it names one. Links to other sites are not followed: a test must not depend on them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Checks the links in the documents
#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> anyhow::Result<()> {
    let root = super::workspace_root().canonicalize()?;
    let files = documents(&root)?;
    let mut headings = HashMap::new();
    let (mut checked, mut broken) = (0, Vec::new());
    for file in &files {
        let text = std::fs::read_to_string(root.join(file))?;
        for link in links(&text) {
            checked += 1;
            if let Err(why) = follow(&root, file, link, &mut headings) {
                broken.push(format!("{}: {link}: {why}", file.display()));
            }
        }
    }
    println!("{checked} links in {} documents", files.len());
    ensure!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    Ok(())
}

/// The Markdown files that git knows or would take.
fn documents(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
    let output = Command::new("git").args(arguments).current_dir(root).output().context("running git")?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(PathBuf::from).filter(|file| root.join(file).exists()).collect())
}

/// The targets of `[text](target)` outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            // Every other part is inside of backticks.
            let prose = line.split('`').step_by(2);
            found.extend(prose.flat_map(targets));
        }
    }
    found
}

fn targets(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

type Headings = HashMap<PathBuf, Vec<String>>;

fn follow(root: &Path, from: &Path, link: &str, known: &mut Headings) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => root.join(from),
        path => root.join(from).parent().unwrap_or(root).join(path),
    };
    if !target.exists() {
        return Err("there is no such file".into());
    }
    if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return Ok(());
    }
    let headings = known.entry(target.clone()).or_insert_with(|| headings(&target));
    if headings.iter().any(|heading| heading == anchor) {
        Ok(())
    } else {
        Err("there is no such heading".into())
    }
}

fn headings(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
    titles.map(|title| anchor_of(title.trim())).collect()
}

/// As the usual forges make it: lower case, punctuation left out, blanks as dashes.
fn anchor_of(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_no_links() {
        let text = "a [b](c.md) and `[d](e)` and [f](#g)\n```\n[h](i)\n```\n![p](q.png)";
        assert_eq!(links(text), ["c.md", "#g", "q.png"]);
    }

    #[test]
    fn anchors_are_the_forges() {
        assert_eq!(anchor_of("What works, and what does not yet"), "what-works-and-what-does-not-yet");
        assert_eq!(anchor_of("`env` & co"), "env--co");
    }
}
