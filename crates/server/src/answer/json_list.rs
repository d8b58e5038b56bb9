//! Lists of items as an answer of the Prometheus API, in pieces.

use std::fmt::Write as _;

use axum::body::Bytes;

use super::Pieces;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Bytes after which a piece ends.
const PIECE_BYTES: usize = 64 << 10;

/// Answer `{"status":"success","data":[...]}` over items, or with an object of them as data.
pub(crate) struct JsonList<T> {
    items: std::vec::IntoIter<T>,
    /// Writes an item as JSON.
    write: fn(&T, &mut String),
    warnings: Vec<String>,
    /// Brackets around the items.
    brackets: [char; 2],
    state: ListState,
    _permit: Option<MemoryPermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListState {
    Head,
    Items,
    End,
}

impl<T> JsonList<T> {
    /// Creates the answer. `permit` is the memory of the items, given back with the answer.
    pub(crate) fn new(
        items: Vec<T>,
        write: fn(&T, &mut String),
        warnings: Vec<String>,
        permit: Option<MemoryPermit>,
    ) -> Self {
        let brackets = ['[', ']'];
        Self { items: items.into_iter(), write, warnings, brackets, state: ListState::Head, _permit: permit }
    }

    /// Creates the answer whose data is an object; `write` writes a name and a value.
    pub(crate) fn object(items: Vec<T>, write: fn(&T, &mut String), permit: Option<MemoryPermit>) -> Self {
        Self { brackets: ['{', '}'], ..Self::new(items, write, Vec::new(), permit) }
    }
}

impl<T: Send + 'static> Pieces for JsonList<T> {
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.state == ListState::End {
            return Ok(None);
        }
        let mut json = String::new();
        let mut is_first = self.state == ListState::Head;
        if is_first {
            json.push_str(r#"{"status":"success","data":"#);
            json.push(self.brackets[0]);
            self.state = ListState::Items;
        }
        while json.len() < PIECE_BYTES {
            let Some(item) = self.items.next() else {
                json.push(self.brackets[1]);
                for (at, warning) in self.warnings.iter().enumerate() {
                    json.push_str(if at == 0 { r#","warnings":["# } else { "," });
                    put_json_text(&mut json, warning);
                }
                json.push_str(if self.warnings.is_empty() { "}" } else { "]}" });
                self.state = ListState::End;
                break;
            };
            json.push_str(if std::mem::take(&mut is_first) { "" } else { "," });
            (self.write)(&item, &mut json);
        }
        Ok(Some(Bytes::from(json)))
    }
}

/// Writes a text in quotes with the escapes of JSON.
pub(crate) fn put_json_text(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            letter if letter < ' ' => {
                // A string takes any text.
                let _ = write!(json, "\\u{:04x}", u32::from(letter));
            }
            letter => json.push(letter),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(mut list: JsonList<String>) -> (String, usize) {
        let (mut text, mut pieces) = (String::new(), 0);
        while let Some(piece) = list.next_piece().unwrap() {
            assert!(piece.len() < PIECE_BYTES + 100);
            text.push_str(std::str::from_utf8(&piece).unwrap());
            pieces += 1;
        }
        (text, pieces)
    }

    fn list(items: Vec<String>, warnings: Vec<String>) -> JsonList<String> {
        JsonList::new(items, |item, json| put_json_text(json, item), warnings, None)
    }

    #[test]
    fn a_list_is_json_however_many_pieces_it_has() {
        assert_eq!(whole(list(vec![], vec![])).0, r#"{"status":"success","data":[]}"#);
        let warned = whole(list(vec!["a\"\n\\".to_owned()], vec!["cut".to_owned()])).0;
        assert_eq!(warned, r#"{"status":"success","data":["a\"\u000a\\"],"warnings":["cut"]}"#);
        let many: Vec<String> = (0..40_000).map(|n| n.to_string()).collect();
        let (text, pieces) = whole(list(many.clone(), vec![]));
        assert!(pieces > 2);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["data"], serde_json::json!(many));
    }
}
