//! Copy of the repository in which all patches are applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::Faults;
use crate::patch::Patch;

/// Applies all patches in order, and returns the changed files by path with their new contents.
///
/// `read` returns the content of a file of the repository; `None` if it does not exist.
///
/// # Errors
/// Lists every edit that does not apply.
pub(crate) fn patched(
    faults: &Faults,
    read: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<BTreeMap<String, String>, String> {
    let mut changed: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut apply = |name: &str, patch: &Patch| {
        for hunk in &patch.hunks {
            let original = || read(&hunk.file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let text = changed.get(&hunk.file).cloned().or_else(original);
            match hunk.apply(text.as_deref()) {
                Ok(text) => drop(changed.insert(hunk.file.clone(), text)),
                Err(why) => wrong.push(format!("{name} does not apply: {why}")),
            }
        }
    };
    apply("switch", &faults.switch);
    faults.all.iter().for_each(|fault| apply(&fault.name, &fault.patch));
    if wrong.is_empty() { Ok(changed) } else { Err(wrong.join("\n")) }
}

/// Makes `copy` equal to the repository at `root` with all patches applied, and removes its other files.
///
/// Files that are up to date stay untouched, so that cargo builds only what changed since the last run.
///
/// # Errors
/// Lists every edit that does not apply. Also fails if git cannot list the files, or a file cannot be written or
/// removed.
pub(crate) fn update(root: &Path, copy: &Path, faults: &Faults) -> Result<(), String> {
    let tracked = tracked(root)?;
    let changed = patched(faults, |file| std::fs::read(root.join(file)).ok())?;
    let mut files = BTreeSet::new();
    for file in tracked.iter().chain(changed.keys()) {
        let content = match changed.get(file) {
            Some(text) => text.clone().into_bytes(),
            None => match std::fs::read(root.join(file)) {
                Ok(content) => content,
                // The file was deleted, but is still in the index of git.
                Err(_) => continue,
            },
        };
        let path = copy.join(file);
        if std::fs::read(&path).ok().as_ref() != Some(&content) {
            let parent = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = parent.and_then(|()| std::fs::write(&path, content));
            written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        files.insert(path);
    }
    remove_others(copy, &files).map_err(|error| format!("cannot tidy {}: {error}", copy.display()))
}

/// Returns the paths of the files that git tracks or would add.
fn tracked(root: &Path) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Removes all files in `folder`, at any depth, that are not in `files`. Empty folders stay.
fn remove_others(folder: &Path, files: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, files)?;
        } else if !files.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
