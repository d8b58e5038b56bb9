//! Patch files: a header, then edits of source files without line numbers. faults/README.md describes the format.

use std::collections::BTreeMap;

/// A parsed patch file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// Fields of the header by name.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) hunks: Vec<Hunk>,
}

/// An edit at one place of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// The edited file, relative to the root of the repository.
    pub(crate) file: String,
    /// Part of the line that begins the block to search; `None` if the whole file is searched.
    scope: Option<String>,
    lines: Vec<Line>,
}

/// A line of a hunk. Context and removed lines are stored without white space at both ends.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Context(String),
    Removed(String),
    Added(String),
}

impl Patch {
    /// Parses the text of a patch file.
    ///
    /// # Errors
    /// If a line is invalid (the error has its number), a hunk changes nothing, or there is no hunk.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut fields = BTreeMap::new();
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
        while let Some((at, line)) = lines.next_if(|(_, line)| !line.starts_with("---")) {
            if line.trim().is_empty() {
                continue;
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("line {at}: a header line is Name: value"))?;
            let mut value = value.trim().to_owned();
            while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
                value.push(' ');
                value.push_str(more.trim());
            }
            if value.is_empty() {
                return Err(format!("line {at}: {name} is empty"));
            }
            if fields.insert(name.to_owned(), value).is_some() {
                return Err(format!("line {at}: a second {name}"));
            }
        }
        let mut hunks: Vec<Hunk> = Vec::new();
        for (at, line) in lines {
            let mut chars = line.chars();
            match chars.next() {
                _ if line.starts_with("---") => {
                    let file = line.trim_start_matches('-').trim().to_owned();
                    hunks.push(Hunk { file, scope: None, lines: Vec::new() });
                }
                _ if line.starts_with("@@") => {
                    let scope = line.trim_matches('@').trim().to_owned();
                    let scope = (!scope.is_empty()).then_some(scope);
                    let last = hunks.last_mut().ok_or_else(|| format!("line {at}: @@ before ---"))?;
                    if last.lines.is_empty() && last.scope.is_none() {
                        last.scope = scope;
                    } else {
                        let file = last.file.clone();
                        hunks.push(Hunk { file, scope, lines: Vec::new() });
                    }
                }
                Some(kind @ (' ' | '-' | '+')) => {
                    let text = chars.as_str();
                    let last = hunks.last_mut().ok_or_else(|| format!("line {at}: an edit before ---"))?;
                    last.lines.push(match kind {
                        ' ' => Line::Context(text.trim().to_owned()),
                        '-' => Line::Removed(text.trim().to_owned()),
                        _ => Line::Added(text.to_owned()),
                    });
                }
                None => {}
                Some(other) => return Err(format!("line {at}: it begins with {other:?}")),
            }
        }
        if hunks.is_empty() {
            return Err("it edits nothing".to_owned());
        }
        let idle = hunks.iter().find(|hunk| !hunk.lines.iter().any(|line| !matches!(line, Line::Context(_))));
        match idle {
            Some(hunk) => Err(format!("an edit of {} changes nothing", hunk.file)),
            None => Ok(Self { fields, hunks }),
        }
    }

    /// Returns the lines that the patch adds.
    pub(crate) fn added(&self) -> impl Iterator<Item = &str> {
        self.hunks.iter().flat_map(|hunk| &hunk.lines).filter_map(|line| match line {
            Line::Added(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Hunk {
    /// Applies the edit to the text of the file, and returns the new text. `text` is `None` if the file does not exist.
    ///
    /// # Errors
    /// If the file does not exist and the edit does not create it, or the place to edit is not found or not unique.
    pub(crate) fn apply(&self, text: Option<&str>) -> Result<String, String> {
        let wanted: Vec<&str> = self
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Context(text) | Line::Removed(text) => Some(text.as_str()),
                Line::Added(_) => None,
            })
            .collect();
        if text.is_none() && !(wanted.is_empty() && self.scope.is_none()) {
            return Err(format!("{} does not exist", self.file));
        }
        let old: Vec<&str> = text.unwrap_or_default().lines().collect();
        let (begin, end) = self.block(&old)?;
        let found = if wanted.is_empty() { Vec::new() } else { self.find(&old, begin..end, &wanted)? };
        let mut new: Vec<&str> = old[..found.first().copied().unwrap_or(end)].to_vec();
        // Index of the next line of the file to copy.
        let mut next = new.len();
        let mut matched = found.into_iter();
        for line in &self.lines {
            match line {
                Line::Added(text) => new.push(text),
                Line::Context(_) | Line::Removed(_) => {
                    let at = matched.next().unwrap_or(next);
                    // Comments and blank lines between two matched lines stay.
                    new.extend(&old[next..at]);
                    if matches!(line, Line::Context(_)) {
                        new.push(old[at]);
                    }
                    next = at + 1;
                }
            }
        }
        new.extend(&old[next..]);
        Ok(new.join("\n") + "\n")
    }

    /// Returns the first line to search and the end, exclusive: the line of the scope, and the line with the brace that
    /// closes its block. An edit of added lines only inserts them at the end.
    ///
    /// # Errors
    /// If not exactly one code line contains the scope, or its block does not end.
    fn block(&self, old: &[&str]) -> Result<(usize, usize), String> {
        let Some(scope) = &self.scope else { return Ok((0, old.len())) };
        let begins: Vec<usize> = (0..old.len()).filter(|at| is_code(old[*at]) && old[*at].contains(scope)).collect();
        let &[begin] = begins.as_slice() else {
            return Err(format!("{}: {} lines contain the scope {scope:?}, not one", self.file, begins.len()));
        };
        let closes = |line: &str| line.trim_start().starts_with('}') && indent(line) <= indent(old[begin]);
        let end = (begin + 1..old.len()).find(|at| closes(old[*at]));
        end.map(|end| (begin, end)).ok_or_else(|| format!("{}: the block of {scope:?} does not end", self.file))
    }

    /// Returns the indexes of the lines that match `wanted`: consecutive lines of the range, apart from comments and
    /// blank lines.
    ///
    /// # Errors
    /// If not exactly one place of the range matches.
    fn find(&self, old: &[&str], range: std::ops::Range<usize>, wanted: &[&str]) -> Result<Vec<usize>, String> {
        let code: Vec<usize> = range.filter(|at| is_code(old[*at])).collect();
        let places = code.windows(wanted.len());
        let places = places.filter(|at| at.iter().zip(wanted).all(|(at, wanted)| is_same(old[*at], wanted)));
        let places: Vec<&[usize]> = places.collect();
        match places.as_slice() {
            [place] => Ok(place.to_vec()),
            places => {
                let within = self.scope.as_ref().map(|scope| format!(" in {scope:?}")).unwrap_or_default();
                Err(format!("{}{within}: {} places match {wanted:?}, not one", self.file, places.len()))
            }
        }
    }
}

/// Returns `true` if a line is neither blank nor a `//` comment.
fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

/// Returns `true` if a line matches: it equals `wanted`, or begins with what precedes a final `...`.
fn is_same(line: &str, wanted: &str) -> bool {
    let line = line.trim();
    wanted.strip_suffix("...").map_or(line == wanted, |beginning| line.starts_with(beginning))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
impl A {
    /// Doc.
    fn first(&self) {
        // Why.
        let a = 1;

        // Why not.
        done(a);
    }

    fn second(
        &self,
    ) -> u8 {
        done(a);
        2
    }
}
";

    fn apply(hunks: &str) -> Result<String, String> {
        let patch = Patch::parse(&format!("Fault: f\n\n--- a.rs\n{hunks}"))?;
        patch.hunks.iter().try_fold(SOURCE.to_owned(), |text, hunk| hunk.apply(Some(&text)))
    }

    #[test]
    fn lines_are_added_before_and_behind_the_context() {
        let applied = apply("+        before();\n         let a = 1;\n+        behind();\n").expect("it applies");
        assert_eq!(
            applied,
            SOURCE.replace("        let a = 1;\n", "        before();\n        let a = 1;\n        behind();\n")
        );
    }

    #[test]
    fn comments_and_white_space_do_not_matter() {
        let applied = apply(" let a = 1;\n-done(a);\n+        undone();\n").expect("it applies");
        assert_eq!(applied, SOURCE.replacen("done(a);", "undone();", 1));
    }

    #[test]
    fn a_beginning_matches() {
        let applied = apply("+        first();\n let a...\n").expect("it applies");
        assert!(applied.contains("        // Why.\n        first();\n        let a = 1;\n"), "{applied}");
        apply("+x\n let b...\n").expect_err("no line begins so");
    }

    #[test]
    fn a_scope_distinguishes_equal_lines() {
        let twice = apply("-done(a);\n").expect_err("there are two");
        assert!(twice.contains("2 places match"), "{twice}");
        let applied = apply("@@ fn second\n-done(a);\n").expect("it applies");
        assert_eq!(applied, SOURCE.replacen("    ) -> u8 {\n        done(a);\n", "    ) -> u8 {\n", 1));
        let outside = apply("@@ fn second\n let a = 1;\n+x\n").expect_err("it is in the other function");
        assert!(outside.contains("0 places match"), "{outside}");
        let unknown = apply("@@ fn third\n+x\n").expect_err("there is no such function");
        assert!(unknown.contains("0 lines contain the scope"), "{unknown}");
        let many = apply("@@ fn\n+x\n").expect_err("there are two functions");
        assert!(many.contains("2 lines contain the scope"), "{many}");
    }

    #[test]
    fn without_context_lines_go_to_the_end() {
        let applied = apply("+mod b;\n@@ impl A\n+    const B: u8 = 1;\n").expect("it applies");
        assert_eq!(
            applied,
            SOURCE.strip_suffix("}\n").expect("it ends so").to_owned() + "    const B: u8 = 1;\n}\nmod b;\n"
        );
    }

    #[test]
    fn a_file_can_be_made() {
        let patch = Patch::parse("--- b.rs\n+//! New.\n").expect("it is a patch");
        assert_eq!(patch.hunks[0].apply(None).as_deref(), Ok("//! New.\n"));
        let patch = Patch::parse("--- b.rs\n x\n+y\n").expect("it is a patch");
        patch.hunks[0].apply(None).expect_err("there is no context in a file that does not exist");
    }

    #[test]
    fn edits_of_one_line_by_several_patches_do_not_collide() {
        let first = apply("+        one();\n         let a = 1;\n").expect("it applies");
        let second = Patch::parse("--- a.rs\n+        two();\n         let a = 1;\n").expect("it is a patch");
        let applied = second.hunks[0].apply(Some(&first)).expect("it applies");
        assert!(applied.contains("one();\n        two();\n        let a = 1;\n"), "{applied}");
    }

    #[test]
    fn header_values_may_go_on_in_the_next_line() {
        let patch = Patch::parse("Fault: f\nWhat: a\n  b\nMessage: c: d\n\n--- a.rs\n+x\n").expect("it is a patch");
        assert_eq!(patch.fields["What"], "a b");
        assert_eq!(patch.fields["Message"], "c: d");
        assert_eq!(patch.added().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn bad_patches_are_refused() {
        for (text, said) in [
            ("Fault f\n", "line 1: a header line is Name: value"),
            ("Fault:\n", "line 1: Fault is empty"),
            ("Fault: f\nFault: g\n", "line 2: a second Fault"),
            ("Fault: f\n", "it edits nothing"),
            ("--- a.rs\n", "changes nothing"),
            ("--- a.rs\n x\n", "changes nothing"),
            ("--- a.rs\n+x\ny\n", "line 3: it begins with 'y'"),
        ] {
            let error = Patch::parse(text).expect_err(text);
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
