//! Parameters of a request, from the query string and the body of a form.

use axum::body::Body;
use axum::http::{HeaderMap, Method, header};

use crate::app::AppState;
use crate::body;
use crate::failure::Failure;

/// Parameters of one request. Two bytes of a form make one, which takes some fifty.
const MAX_PARAMETERS: usize = 10_000;

/// Parameters in the order in which they were given: those of a form first, then those of the query string.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Returns the parameters of a query string.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// Reads the parameters of a form, if the request has one, and adds those of the query string.
    ///
    /// # Errors
    ///
    /// Those of [`body::read`]; 400 for more than 10,000 parameters.
    pub(super) async fn read(
        app: &AppState,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
        content: Body,
    ) -> Result<Self, Failure> {
        let mut pairs = Vec::new();
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|media_type| media_type.to_str().ok());
        let is_form = media_type.is_some_and(|media_type| media_type.starts_with("application/x-www-form-urlencoded"));
        if method == Method::POST && is_form {
            let form = body::read(app, headers, content, None).await?;
            pairs.extend(form_urlencoded::parse(&form.bytes).into_owned().take(MAX_PARAMETERS + 1));
        }
        pairs.extend(Self::of_query(query).0);
        if pairs.len() > MAX_PARAMETERS {
            return Err(Failure::bad_request(format!("the request has more than {MAX_PARAMETERS} parameters")));
        }
        Ok(Self(pairs))
    }

    /// Returns the first value of a parameter; an empty one is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(key, _)| key == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns all values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
