//! The database that a request names.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use timestrata::Db;
use timestrata_ingest::SeriesTable;

use crate::app::SharedState;
use crate::databases::{DatabaseName, OpenDatabase};
use crate::failure::Failure;

/// Database of a request: that of its path `/db/NAME/...`, else `default`.
#[derive(Debug)]
pub(crate) struct RequestDatabase {
    pub(crate) name: DatabaseName,
    pub(crate) db: Db,
    /// Series that requests to it have named.
    pub(crate) series: Arc<SeriesTable>,
}

impl RequestDatabase {
    /// Returns the database of a name.
    ///
    /// # Errors
    ///
    /// 503 while the databases are opened and while the server stops, 404 if there is none of the name.
    pub(crate) fn find(app: &SharedState, name: &DatabaseName) -> Result<Self, Failure> {
        app.check_ready()?;
        let OpenDatabase { db, series } = app.databases.find(name)?;
        Ok(Self { name: name.clone(), db, series })
    }
}

impl FromRequestParts<SharedState> for RequestDatabase {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &SharedState) -> Result<Self, Failure> {
        match parts.extensions.get::<DatabaseName>() {
            Some(name) => Self::find(app, name),
            None => Self::find(app, &DatabaseName::default_name()),
        }
    }
}
