//! Suggestions of decoders in the words of a server: parameters of the request, or settings of the server.

use timestrata_ingest::{Suggestion, suggestion_groups};

/// Options of a decoder that settings of the server give, whatever the request says.
const SETTINGS: [(&str, &str); 1] = [("max-series", "max-request-series")];

/// Returns the end of an error message: empty, or `; ` and what would help.
///
/// `settings` are further options that the endpoint takes from settings of the server, with their names.
pub(crate) fn advice(suggestions: &[Suggestion], settings: &[(&str, &str)]) -> String {
    let setting_of = |suggestion: &Suggestion| {
        let of = |known: &[(&str, &str)]| {
            known.iter().find(|(option, _)| *option == suggestion.option).map(|(_, setting)| (*setting).to_owned())
        };
        of(&SETTINGS).or_else(|| of(settings))
    };
    if let Some(setting) = suggestions.iter().find_map(setting_of) {
        return format!("; the setting {setting} of the server changes that");
    }
    match parameters(suggestions) {
        none if none.is_empty() => String::new(),
        parameters => format!("; perhaps {}", parameters.join(" or ")),
    }
}

/// Returns suggestions as parts of a query string, one for each group of options that belong together.
pub(crate) fn parameters(suggestions: &[Suggestion]) -> Vec<String> {
    let part = |group: &[Suggestion]| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for Suggestion { option, value } in group {
            query.append_pair(option, if value.is_empty() { "true" } else { value });
        }
        query.finish()
    };
    suggestion_groups(suggestions).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_parameters_or_settings() {
        let time = [Suggestion::new("time", "ts"), Suggestion::new("time-format", "%d/%m/%Y")];
        assert_eq!(advice(&time, &[]), "; perhaps time=ts&time-format=%25d%2F%25m%2F%25Y");
        let either = [Suggestion::new("precision", "s"), Suggestion::new("precision", "ns")];
        assert_eq!(advice(&either, &[]), "; perhaps precision=s or precision=ns");
        let text = [Suggestion::new("skip-text", "")];
        assert_eq!(advice(&text, &[]), "; perhaps skip-text=true");
        let setting = "; the setting skip-text-fields of the server changes that";
        assert_eq!(advice(&text, &[("skip-text", "skip-text-fields")]), setting);
        assert_eq!(
            advice(&[Suggestion::new("max-series", "")], &[]),
            "; the setting max-request-series of the server changes that"
        );
        assert_eq!(advice(&[], &[]), "");
    }
}
