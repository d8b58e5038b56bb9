//! Regular expressions of queries, in the syntax of Go's `regexp` (RE2), for the crate `regex`.
//!
//! Both come from RE2, but read some texts differently. A pattern is translated in one pass over its characters:
//!
//! | in a query | for the crate |
//! |---|---|
//! | `{` that begins no repetition | `\{` |
//! | `\Q..\E`, `\101`, `\<` and other escaped punctuation | the character |
//! | `\d`, `\s`, `\w`, `\b`, of ASCII only | classes of ASCII |
//! | `[[]`, `[a&&b]`, `[a--b]`, `[a~~b]`: classes without nested classes and operators | each character escaped |
//! | `(?P<name>..)` | `(..)`; the names are kept beside the pattern |
//! | `(?x)`, `\u0041`, `a**` and others that Go does not have | an error with Go's text |

mod class;
mod translator;

use translator::Translator;

/// Translated pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    /// Name of each capturing group, from group 1 on.
    groups: Vec<Option<String>>,
}

impl Pattern {
    /// Translates a pattern.
    ///
    /// # Errors
    /// A text for people, in the words of Go, if the pattern is none. Not every invalid pattern is found: the crate finds
    /// the others.
    pub(crate) fn translate(pattern: &str) -> Result<Self, String> {
        Translator::new(pattern).translate()
    }

    /// Returns the pattern for the store, which anchors it; `.` matches line breaks, too.
    pub(crate) fn for_store(&self) -> String {
        if self.text.contains('.') { format!("(?s:{})", self.text) } else { self.text.clone() }
    }

    /// Returns the pattern of whole texts; `.` matches line breaks, too.
    pub(crate) fn anchored(&self) -> String {
        format!("^(?s:{})$", self.text)
    }

    /// Returns the number of a group by its name or number; `None` if there is none.
    fn group(&self, name: &str) -> Option<usize> {
        if name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0')) {
            return name.parse().ok();
        }
        self.groups.iter().position(|group| group.as_deref() == Some(name)).map(|at| at + 1)
    }

    /// Appends a replacement, in which `$name`, `${name}`, `$1` and `${1}` are the texts of groups and `$$` is `$`.
    ///
    /// A name has letters, digits and `_`, and is as long as possible. What is no reference stays as it is.
    pub(crate) fn expand(&self, captures: &regex::Captures<'_>, replacement: &str, value: &mut String) {
        let is_name = |letter: char| letter == '_' || letter.is_alphanumeric();
        let mut rest = replacement;
        while let Some((before, after)) = rest.split_once('$') {
            value.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                value.push('$');
                rest = after;
                continue;
            }
            let in_braces = after.strip_prefix('{');
            let start = in_braces.unwrap_or(after);
            let end = start.find(|letter| !is_name(letter)).unwrap_or(start.len());
            let (name, behind) = start.split_at(end);
            let behind = if in_braces.is_some() { behind.strip_prefix('}') } else { Some(behind) };
            let Some(behind) = behind.filter(|_| !name.is_empty()) else {
                value.push('$');
                rest = after;
                continue;
            };
            let group = self.group(name).and_then(|group| captures.get(group));
            value.push_str(group.map_or("", |group| group.as_str()));
            rest = behind;
        }
        value.push_str(rest);
    }
}

#[cfg(test)]
mod tests;
