//! How a directory of files is replaced at once, as upstream's atomic writer lays it out:
//!
//! ```text
//! volume/..2026_11_21_00_00_00.123456789/a/b   the files
//! volume/..data -> ..2026_11_21_...            swapped by one rename
//! volume/a -> ..data/a                         what containers see
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::files::Files;

/// The link that is swapped, and its name before the swap.
pub const DATA: &str = "..data";
pub const DATA_TMP: &str = "..data_tmp";

const MAX_PATH: usize = 4096;
const MAX_NAME: usize = 255;

/// What the shell found in the volume's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    /// The directory that `..data` names; `None` if there is none.
    pub data_dir: Option<String>,
    /// The bytes and modes of the files in it.
    pub files: BTreeMap<String, (Vec<u8>, u32)>,
    /// The names in the volume's directory that do not begin with `..`.
    pub visible: BTreeSet<String>,
}

/// The steps of an update, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Make this directory, mode 0755, write the files into it, and swap `..data` to it.
    pub write: Option<Write>,
    /// Make these links in the volume's directory: name and target.
    pub link: Vec<(String, String)>,
    /// Remove these links.
    pub unlink: Vec<String>,
    /// Remove this directory: the one before the swap.
    pub remove_dir: Option<String>,
}

/// New contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub dir: String,
    pub files: Files,
}

impl Update {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What it takes for the directory to show `files`. Refuses paths that would leave it, in upstream's words.
pub fn update(current: &Current, files: &Files, now: Timestamp) -> Result<Update, String> {
    let files = validated(files)?;
    let tops: BTreeSet<&str> = files.keys().map(|path| top(path)).collect();
    let link = tops.iter().filter(|name| !current.visible.contains(**name));
    let unlink = current.visible.iter().filter(|name| !tops.contains(name.as_str()));
    let mut update = Update {
        link: link.map(|name| ((*name).to_owned(), format!("{DATA}/{name}"))).collect(),
        unlink: unlink.cloned().collect(),
        ..Default::default()
    };
    let wanted = files.iter().map(|(path, file)| (path, (&file.bytes, file.mode)));
    let shown = current.files.iter().map(|(path, (bytes, mode))| (path, (bytes, *mode)));
    if current.data_dir.is_none() || !wanted.eq(shown) {
        update.write = Some(Write { dir: directory(now), files });
        update.remove_dir = current.data_dir.clone();
    }
    Ok(update)
}

/// `..2026_11_21_00_00_00.123456789`
fn directory(now: Timestamp) -> String {
    let seconds = now.strftime("%Y_%m_%d_%H_%M_%S");
    format!("..{seconds}.{:09}", now.subsec_nanosecond().unsigned_abs())
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn validated(files: &Files) -> Result<Files, String> {
    let mut clean = Files::new();
    for (path, file) in files {
        check(path)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        clean.insert(parts.join("/"), file.clone());
    }
    Ok(clean)
}

fn check(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("invalid path: must not be empty: \"\"".to_owned());
    }
    if path.starts_with('/') {
        return Err(format!("invalid path: must be relative path: {path}"));
    }
    if path.len() > MAX_PATH {
        return Err(format!("invalid path: must be less than or equal to {MAX_PATH} characters"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("invalid path: must not contain '..': {path}"));
    }
    if path.split('/').any(|part| part.len() > MAX_NAME) {
        return Err(format!("invalid path: filenames must be less than or equal to {MAX_NAME} characters"));
    }
    if path.starts_with("..") {
        return Err(format!("invalid path: must not start with '..': {path}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::files::File;
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        let file = |text: &str| File { bytes: text.as_bytes().to_vec(), mode: 0o644, uid: None };
        list.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect()
    }

    fn now() -> Timestamp {
        "2026-11-21T00:00:00.5Z".parse().unwrap()
    }

    /// The directory as the shell leaves it after an update.
    fn apply(current: &Current, update: &Update) -> Current {
        let mut next = current.clone();
        if let Some(write) = &update.write {
            next.data_dir = Some(write.dir.clone());
            let file = |(path, file): (&String, &File)| (path.clone(), (file.bytes.clone(), file.mode));
            next.files = write.files.iter().map(file).collect();
        }
        next.visible.extend(update.link.iter().map(|(name, _)| name.clone()));
        next.visible.retain(|name| !update.unlink.contains(name));
        next
    }

    #[test]
    fn contents_are_written_once_and_swapped_when_they_change() {
        let first =
            update(&Current::default(), &files(&[("a", "1"), ("d/b", "2"), ("d/c", "3")]), now()).unwrap();
        assert_eq!(first.write.as_ref().unwrap().dir, "..2026_11_21_00_00_00.500000000");
        assert_eq!(first.link, [("a".into(), "..data/a".into()), ("d".into(), "..data/d".into())]);
        assert_eq!(first.remove_dir, None);
        let shown = apply(&Current::default(), &first);

        let same = update(&shown, &files(&[("a", "1"), ("d/b", "2"), ("d/c", "3")]), now()).unwrap();
        assert!(same.is_nothing());

        let changed = update(&shown, &files(&[("a", "new"), ("e", "4")]), now()).unwrap();
        assert!(changed.write.is_some());
        assert_eq!(changed.link, [("e".into(), "..data/e".into())]);
        assert_eq!(changed.unlink, ["d"]);
        assert_eq!(changed.remove_dir, shown.data_dir);
    }

    #[test]
    fn links_lost_to_a_crash_are_made_again() {
        let wanted = files(&[("a", "1")]);
        let mut shown = apply(&Current::default(), &update(&Current::default(), &wanted, now()).unwrap());
        shown.visible.clear();
        let again = update(&shown, &wanted, now()).unwrap();
        assert_eq!((again.write, again.link.len()), (None, 1));
    }

    #[test]
    fn an_empty_volume_still_has_its_data_directory() {
        assert!(update(&Current::default(), &Files::new(), now()).unwrap().write.is_some());
    }

    #[test]
    fn paths_stay_inside() {
        let check = |path: &str, expected: &str| {
            assert_eq!(update(&Current::default(), &files(&[(path, "")]), now()), Err(expected.to_owned()));
        };
        check("", "invalid path: must not be empty: \"\"");
        check("/a", "invalid path: must be relative path: /a");
        check("a/../b", "invalid path: must not contain '..': a/../b");
        check("..a", "invalid path: must not start with '..': ..a");
    }
}
