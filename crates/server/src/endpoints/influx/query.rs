//! `/query`: the statements of InfluxQL that clients need before they write.

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::error::{Form, InfluxError};
use super::results::{AnswerForm, StatementResult};
use super::statement::{Statement, parse};
use crate::access::{Grant, Scope};
use crate::app::SharedState;
use crate::databases::DatabaseName;
use crate::endpoints::databases::create_blocking;
use crate::endpoints::parameters::Parameters;
use crate::failure::Failure;

/// `GET /query`, `POST /query`: `CREATE DATABASE` and `SHOW DATABASES`; `q` is in the query string or in a form.
pub(crate) async fn query(
    State(app): State<SharedState>,
    Extension(grant): Extension<Grant>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answered = async {
        let parameters = Parameters::read(&app, &method, query.as_deref(), &headers, body).await?;
        let form = AnswerForm {
            is_msgpack: AnswerForm::accepts_msgpack(&headers),
            is_pretty: parameters.get("pretty") == Some("true"),
            is_chunked: parameters.get("chunked") == Some("true"),
        };
        let text = parameters.get("q").ok_or_else(|| Failure::bad_request("missing required parameter \"q\""))?;
        let statements = parse(text).map_err(|error| Failure::bad_request(format!("error parsing query: {error}")))?;
        let creates = statements.iter().any(|statement| matches!(statement, Statement::CreateDatabase(_)));
        if creates {
            grant.check(Scope::Admin)?;
            if method != Method::POST {
                let message = "CREATE DATABASE needs a POST request";
                return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, message));
            }
        }
        app.check_ready()?;
        let mut results = Vec::with_capacity(statements.len());
        for (id, statement) in statements.into_iter().enumerate() {
            results.push(run(&app, id, statement).await?);
        }
        Ok(form.answer(&results))
    };
    answered.await.unwrap_or_else(|failure: Failure| InfluxError::new(Form::V1, failure).into_response())
}

/// Runs a statement. What fails for good is part of the result, as clients of InfluxDB expect.
async fn run(app: &SharedState, id: usize, statement: Statement) -> Result<StatementResult, Failure> {
    match statement {
        Statement::ShowDatabases => {
            let names = app.databases.all().into_iter().map(|(name, _)| name.to_string());
            Ok(StatementResult::names(id, "databases", names))
        }
        Statement::CreateDatabase(text) => {
            let name: DatabaseName = match text.parse() {
                Ok(name) => name,
                Err(error) => return Ok(StatementResult::error(id, error.to_string())),
            };
            if app.databases.find(&name).is_ok() {
                return Ok(StatementResult::empty(id));
            }
            match create_blocking(app, name).await {
                Ok(_) => Ok(StatementResult::empty(id)),
                Err(failure) if failure.retry_after.is_none() => Ok(StatementResult::error(id, failure.message)),
                Err(failure) => Err(failure),
            }
        }
    }
}

/// `POST /api/v2/query`: Flux is not supported.
pub(crate) async fn flux() -> Response {
    let message = "Flux is not supported: query with PromQL at /api/v1/query and /api/v1/query_range";
    InfluxError::new(Form::V2, Failure::bad_request(message)).into_response()
}
