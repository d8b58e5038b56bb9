//! The open databases, and the creation of further ones.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use timestrata::{Db, DbBuilder, DuplicatePolicy, Error, Runtime, RuntimeStats};
use timestrata_ingest::SeriesTable;

use super::name::{DEFAULT, DatabaseName};
use crate::failure::{Failure, StartError};
use crate::options::ServerOptions;

/// Memory of a database other than `default`, in bytes: the smallest that the engine takes.
const OTHER_MEMORY_BYTES: usize = 64 << 20;

/// Databases by name.
///
/// All of them share the memory of the server: `default` has half of it, or all if no other one fits, and each other one
/// 64 MiB.
#[derive(Debug)]
pub(crate) struct Databases {
    open: RwLock<BTreeMap<DatabaseName, OpenDatabase>>,
    /// Options with which databases are opened; `None` if the program that embeds the server has opened the only one.
    options: Option<ServerOptions>,
    /// Held while databases are opened or created, so that no directory is opened twice.
    phase: Mutex<Phase>,
    /// Slots and memory of the queries of all databases.
    runtime: Runtime,
}

/// Whether databases may be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Usable,
    /// The open ones have been closed; nothing would close a further one.
    Closed,
}

/// Database, and the series that requests to it have named.
#[derive(Debug, Clone)]
pub(crate) struct OpenDatabase {
    pub(crate) db: Db,
    pub(crate) series: Arc<SeriesTable>,
}

impl Databases {
    /// Creates the set of one open database, `default`.
    pub(crate) fn single(db: Db, options: &ServerOptions) -> Self {
        let runtime = db.snapshot().runtime().clone();
        let name = DatabaseName::default_name();
        let series = series_table(&name, options);
        let open = BTreeMap::from([(name, OpenDatabase { db, series })]);
        Self { open: RwLock::new(open), options: None, phase: Mutex::default(), runtime }
    }

    /// Returns `true` if the program that embeds the server has opened the only database.
    pub(crate) fn is_embedded(&self) -> bool {
        self.options.is_none()
    }

    /// Creates an empty set for a data directory; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`StartError::Option`], if the memory budget cannot be divided.
    pub(crate) fn new(options: &ServerOptions) -> Result<Self, StartError> {
        let mut runtime = Runtime::builder()
            .memory_bytes(options.query_memory_bytes())
            .storage_memory_bytes(options.storage_memory_bytes());
        if let Some(threads) = options.query_threads {
            runtime = runtime.threads(threads);
        }
        let runtime = runtime
            .build()
            .map_err(|source| StartError::Option { option: "memory-budget", detail: source.to_string() })?;
        let options = Some(options.clone());
        Ok(Self { open: RwLock::default(), options, phase: Mutex::default(), runtime })
    }

    /// Opens `default`, creates it if needed, and opens all other databases of the data directory.
    ///
    /// A directory that holds no database is skipped and logged.
    ///
    /// # Errors
    ///
    /// [`StartError::Database`], [`StartError::DataDirectory`].
    pub(crate) fn open_all(&self) -> Result<(), StartError> {
        let Some(options) = &self.options else { return Ok(()) };
        let _phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let path = &options.data;
        let directory = |source| StartError::DataDirectory { path: path.clone(), source };
        std::fs::create_dir_all(path).map_err(directory)?;
        let mut names = vec![DatabaseName::default_name()];
        for entry in std::fs::read_dir(path).map_err(directory)? {
            let entry = entry.map_err(directory)?;
            let name = entry.file_name().to_str().and_then(|name| name.parse::<DatabaseName>().ok());
            if entry.file_type().map_err(directory)?.is_dir()
                && let Some(name) = name.filter(|name| name.as_str() != DEFAULT)
            {
                names.push(name);
            }
        }
        for name in names {
            let db = match builder(options, &self.runtime, &name)
                .create_if_missing(name.as_str() == DEFAULT)
                .open_blocking()
            {
                Ok(db) => db,
                Err(Error::DatabaseNotFound { .. } | Error::NotADatabase { .. }) if name.as_str() != DEFAULT => {
                    tracing::warn!(directory = %path.join(name.as_str()).display(), "skipped: it holds no database");
                    continue;
                }
                Err(source) => return Err(StartError::Database { name: name.to_string(), source }),
            };
            tracing::info!(database = name.as_str(), series = db.stats().series, "opened");
            let series = series_table(&name, options);
            self.insert(name, OpenDatabase { db, series });
        }
        Ok(())
    }

    /// Returns the database of a name.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub(crate) fn find(&self, name: &DatabaseName) -> Result<OpenDatabase, Failure> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(name).cloned().ok_or_else(|| {
            Failure::not_found(format!(
                "there is no database {:?}; an administrator creates it with POST /api/v1/admin/databases/{name}",
                name.as_str()
            ))
        })
    }

    /// Returns `true` if the databases are in the data directory of the options.
    pub(crate) fn has_directory(&self) -> bool {
        self.options.is_some()
    }

    /// Returns all databases in the order of their names.
    pub(crate) fn all(&self) -> Vec<(DatabaseName, Db)> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(name, open)| (name.clone(), open.db.clone())).collect()
    }

    /// Creates a database; returns `false` if it exists. Blocks while its files are made.
    ///
    /// # Errors
    ///
    /// 400 if `max_databases` is reached or memory is missing; 503 if files cannot be created, or once the databases are
    /// closed.
    pub(crate) fn create(&self, name: &DatabaseName) -> Result<bool, Failure> {
        let Some(options) = &self.options else {
            return Err(Failure::bad_request("this server has one database, which its program opened"));
        };
        let phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Closed {
            return Err(Failure::busy("the server stops; try again later"));
        }
        let count = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            if open.contains_key(name) {
                return Ok(false);
            }
            open.len()
        };
        if count >= options.max_databases {
            let message = format!("the server has {count} databases, the limit; raise it with --max-databases");
            return Err(Failure::bad_request(message));
        }
        let db = builder(options, &self.runtime, name).open_blocking().map_err(|error| match error {
            Error::InvalidOption { option: "memory_budget", .. } => Failure::bad_request(format!(
                "{count} databases use the memory of the server, and another one needs 64 MiB; raise --memory-budget"
            )),
            error => error.into(),
        })?;
        self.insert(name.clone(), OpenDatabase { db, series: series_table(name, options) });
        Ok(true)
    }

    /// Returns the counters of the queries of all databases.
    pub(crate) fn runtime_stats(&self) -> RuntimeStats {
        self.runtime.stats()
    }

    /// Closes all databases. Acknowledged writes are durable already; a clean close saves a recovery.
    pub(crate) async fn close(&self) {
        // A database that is being created is waited for, and closed with the others.
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Phase::Closed;
        let open = std::mem::take(&mut *self.open.write().unwrap_or_else(PoisonError::into_inner));
        for (name, OpenDatabase { db, .. }) in open {
            if let Err(error) = db.close().await {
                tracing::error!(database = name.as_str(), %error, "not closed; the next start recovers it");
            }
        }
    }

    fn insert(&self, name: DatabaseName, open: OpenDatabase) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(name, open);
    }
}

/// Creates the table of a database: `default` has three quarters of the memory for all tables, each other one a share of
/// the rest.
fn series_table(name: &DatabaseName, options: &ServerOptions) -> Arc<SeriesTable> {
    let rest = options.series_memory_bytes() / 4;
    let bytes = if name.as_str() == DEFAULT { 3 * rest } else { rest / options.max_databases.max(1) };
    Arc::new(SeriesTable::new(bytes))
}

/// Returns the builder of a database, with the options of the server.
fn builder(options: &ServerOptions, runtime: &Runtime, name: &DatabaseName) -> DbBuilder {
    let path: PathBuf = options.data.join(name.as_str());
    let storage = options.storage_memory_bytes();
    let memory = if name.as_str() == DEFAULT { (storage / 2).max(OTHER_MEMORY_BYTES) } else { OTHER_MEMORY_BYTES };
    let mut builder = Db::builder(path)
        .runtime(runtime)
        .duplicates(DuplicatePolicy::KeepLast)
        .durability(options.durability)
        .memory_budget(memory)
        .max_series(options.max_series)
        .max_tags(options.max_labels);
    if let Some(age) = options.retain_for {
        builder = builder.retain_for(age);
    }
    if let Some(bytes) = options.retain_bytes {
        builder = builder.retain_bytes(bytes);
    }
    if let Some(ahead) = options.max_ahead {
        builder = builder.reject_ahead_of_clock(ahead);
    }
    builder
}

#[cfg(test)]
mod tests;
