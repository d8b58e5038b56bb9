//! The database that a client of InfluxDB names.

use crate::app::SharedState;
use crate::databases::DatabaseName;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;

/// Returns the database that a parameter names, else that of the path, else `default`.
///
/// # Errors
///
/// 404 in the words of InfluxDB, by which clients decide to create the database; 400 if parameter and path name two.
pub(super) fn target(
    app: &SharedState,
    of_path: Option<DatabaseName>,
    named: Option<&str>,
) -> Result<RequestDatabase, Failure> {
    let not_found = |name: &str| Failure::not_found(format!("database not found: {name:?}"));
    let name = match (named, of_path) {
        (None, of_path) => of_path.unwrap_or_else(DatabaseName::default_name),
        (Some(text), None) => text.parse().map_err(|_| not_found(text))?,
        (Some(text), Some(of_path)) if text == of_path.as_str() => of_path,
        (Some(text), Some(of_path)) => {
            let message = format!("the path names the database {:?} and a parameter {text:?}", of_path.as_str());
            return Err(Failure::bad_request(message));
        }
    };
    RequestDatabase::find(app, &name).map_err(|failure| match failure.status {
        axum::http::StatusCode::NOT_FOUND => not_found(name.as_str()),
        _ => failure,
    })
}
