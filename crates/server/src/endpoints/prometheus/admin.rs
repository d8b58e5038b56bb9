//! `admin/tsdb/...`: deletes and snapshots.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use timestrata::Timestamp;

use super::error::ApiError;
use super::series_lookup::required_selector;
use super::success::success;
use crate::app::SharedState;
use crate::blocking;
use crate::endpoints::RequestDatabase;
use crate::endpoints::parameters::Parameters;
use crate::failure::Failure;

/// Directory of the snapshots, within the data directory. No database has a name that begins with a dot.
const SNAPSHOTS: &str = ".snapshots";

/// `/api/v1/admin/tsdb/delete_series`: deletes the points between `start` and `end`, both inclusive, of the series that any
/// `match[]` selects. It returns when the delete is durable; the space is freed by compactions.
pub(super) async fn delete_series(database: RequestDatabase, parameters: Parameters) -> Result<StatusCode, ApiError> {
    let selector = required_selector(&parameters)?;
    let range = parameters.bounds()?.unwrap_or(Timestamp::MIN..=Timestamp::MAX);
    tracing::info!(database = database.name.as_str(), ?range, "deletes points");
    // Values of labels may be confidential.
    tracing::debug!(%selector, "series whose points are deleted");
    // One delete, so that no failure leaves a part of them.
    database.db.delete(selector, range).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `/api/v1/admin/tsdb/clean_tombstones`: removes deleted points from the files. It returns when all files are rewritten.
pub(super) async fn clean_tombstones(database: RequestDatabase) -> Result<StatusCode, ApiError> {
    database.db.compact().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `/api/v1/admin/tsdb/snapshot`: writes a backup of the database below `.snapshots` in the data directory, and returns its
/// name. It has every point that was acknowledged before, also with `skip_head`.
pub(super) async fn snapshot(
    State(app): State<SharedState>,
    database: RequestDatabase,
) -> Result<Json<Value>, ApiError> {
    if !app.databases.has_directory() {
        let message = "this server has one database, which its program opened; the program makes its backups";
        return Err(Failure::bad_request(message).into());
    }
    let folder = app.options.data.join(SNAPSHOTS).join(database.name.as_str());
    let (name, directory) = blocking::run(move || new_directory(&folder)).await?;
    let report = database.db.backup(&directory).await?;
    tracing::info!(database = database.name.as_str(), directory = %directory.display(), points = report.points, "snapshot");
    if report.unflushed > 0 {
        let message = format!(
            "the disk is full: the snapshot {} lacks the last {} writes; free space and repeat it",
            directory.display(),
            report.unflushed
        );
        return Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, message).into());
    }
    let data = json!({ "name": name, "directory": directory.display().to_string() });
    Ok(success(data))
}

/// Returns the name and the path of a snapshot that does not exist yet, and creates the folder of all. Blocks.
fn new_directory(folder: &Path) -> Result<(String, PathBuf), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("the directory {} cannot be created: {error}", folder.display());
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })?;
    let name = unique_name(folder, Timestamp::now());
    let directory = folder.join(&name);
    Ok((name, directory))
}

/// Returns a name that no snapshot has: the time, to the nanosecond if need be.
fn unique_name(folder: &Path, now: Timestamp) -> String {
    let text: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let nanos = now.as_nanos().rem_euclid(1_000_000_000);
    let whole: String = text.chars().take("20130101T000000".len()).collect();
    let mut name = format!("{whole}Z-{nanos:09}");
    // Two requests of one nanosecond, and a clock that was set back.
    let mut number = 1;
    while folder.join(&name).exists() {
        number += 1;
        name = format!("{whole}Z-{nanos:09}-{number}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_snapshots_are_times_and_unique() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_nanos(1_357_000_000_000_000_007);
        let name = unique_name(folder.path(), now);
        assert_eq!(name, "20130101T002640Z-000000007");
        std::fs::create_dir(folder.path().join(&name)).unwrap();
        assert_eq!(unique_name(folder.path(), now), "20130101T002640Z-000000007-2");
    }
}
