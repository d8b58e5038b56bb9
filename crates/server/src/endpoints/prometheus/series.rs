//! `series`, `labels` and `label/NAME/values`.

use axum::extract::{Path, State};
use axum::response::Response;
use timestrata::Page;

use super::error::ApiError;
use super::labels::{put_json_labels, unescaped_name};
use super::query::{JSON, TRUNCATED};
use super::series_lookup::{SeriesLookup, missing_selector};
use crate::answer::{JsonList, put_json_text, respond};
use crate::app::{AppState, SharedState};
use crate::endpoints::RequestDatabase;
use crate::endpoints::parameters::Parameters;

/// `/api/v1/series`: the labels of the series that a selector matches.
pub(super) async fn series(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    if parameters.all("match[]").next().is_none() {
        return Err(missing_selector());
    }
    let limit = parameters.limit("limit")?;
    let page = SeriesLookup::new(&database.db.snapshot(), &parameters)?.series(limit).await?;
    let permit = app.answers.admit(page.items.len() * size_of::<usize>())?;
    let warnings = warnings(&page);
    let list = JsonList::new(page.items, |info, json| put_json_labels(&info.key, json), warnings, Some(permit));
    Ok(respond(JSON, list).await?)
}

/// `/api/v1/labels`: names of labels.
pub(super) async fn label_names(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let limit = parameters.limit("limit")?;
    let page = SeriesLookup::new(&database.db.snapshot(), &parameters)?.label_names(limit).await?;
    texts(&app, page).await
}

/// `/api/v1/label/NAME/values`: the values of a label. A name that is no identifier may be escaped: `U__a_2e_b` is `a.b`.
pub(super) async fn label_values(
    State(app): State<SharedState>,
    Path(name): Path<String>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let label = unescaped_name(&name).filter(|label| !label.is_empty());
    let label = label.ok_or_else(|| ApiError::bad_data(format!("invalid label name: {name:?}")))?;
    let limit = parameters.limit("limit")?;
    let page = SeriesLookup::new(&database.db.snapshot(), &parameters)?.label_values(&label, limit).await?;
    texts(&app, page).await
}

async fn texts(app: &AppState, page: Page<String>) -> Result<Response, ApiError> {
    let bytes = page.items.iter().map(|text| text.len() + size_of::<String>()).sum();
    let permit = app.answers.admit(bytes)?;
    let warnings = warnings(&page);
    let list = JsonList::new(page.items, |text, json| put_json_text(json, text), warnings, Some(permit));
    Ok(respond(JSON, list).await?)
}

fn warnings<T>(page: &Page<T>) -> Vec<String> {
    if page.has_more { vec![TRUNCATED.to_owned()] } else { Vec::new() }
}
