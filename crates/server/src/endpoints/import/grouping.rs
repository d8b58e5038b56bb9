//! Labels in the path of a request, as a Pushgateway takes them: `job/JOB/instance/a/path@base64/L3Zhcg`.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::failure::Failure;

/// Ending of a label name whose value is in base64, because it has a slash or is empty.
const BASE64_ENDING: &str = "@base64";

/// Base64 for paths, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the labels of the part of a path behind `/metrics/`; labels without a value are left out, as series have none.
///
/// # Errors
///
/// 400 if the path does not begin with a job, or has a name without a value.
pub(super) fn labels(path: &str) -> Result<Vec<(String, String)>, Failure> {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if !matches!(parts.first(), Some(&"job" | &"job@base64")) || !parts.len().is_multiple_of(2) {
        return Err(Failure::bad_request(
            "the path behind /metrics must be /job/JOB, and pairs of /LABEL/VALUE behind it",
        ));
    }
    let mut labels: Vec<(String, String)> = Vec::new();
    for pair in parts.chunks_exact(2) {
        let (name, value) = match pair[0].strip_suffix(BASE64_ENDING) {
            Some(name) => (name, decode(pair[1])?),
            None => (pair[0], pair[1].to_owned()),
        };
        if labels.iter().any(|(other, _)| other == name) {
            return Err(Failure::bad_request(format!("the path has the label {name:?} twice")));
        }
        labels.push((name.to_owned(), value));
    }
    labels.retain(|(_, value)| !value.is_empty());
    Ok(labels)
}

fn decode(text: &str) -> Result<String, Failure> {
    // An empty value is written as `=`, because a path has no empty part.
    let text = text.trim_end_matches('=');
    let bytes = BASE64.decode(text).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Failure::bad_request(format!("{text:?} is no base64 of a text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_and_may_be_in_base64() {
        let found = labels("job/a/path@base64/L3Zhci90bXA/empty@base64/=").unwrap();
        let pairs: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("job", "a"), ("path", "/var/tmp")]);
        for bad in ["", "job", "instance/a", "job/a/b", "job/a/x@base64/!", "job/a/job/b"] {
            assert!(labels(bad).is_err(), "{bad}");
        }
    }
}
