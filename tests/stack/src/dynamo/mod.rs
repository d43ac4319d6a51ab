//! DynamoDB: dynoxide in this process, with an optional proxy that adds faults.

mod faults;

use std::path::Path;

use dynoxide::Database;
pub use faults::DynamoFaults;
use faults::Tally;

use crate::StackError;
use simulators::listen::Listening;

/// A running database.
pub(crate) struct Dynamo {
    front: Listening,
    /// The database behind the proxy. Declared after `front` so that it is dropped later.
    _behind: Option<Listening>,
    tally: Tally,
}

impl Dynamo {
    /// Starts on a file, or in memory if `file` is `None`.
    pub(crate) async fn start(
        file: Option<&Path>,
        faults: Option<DynamoFaults>,
    ) -> Result<Self, StackError> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        }
        .map_err(|error| StackError::Dynamo(error.to_string()))?;
        if file.is_some() {
            // Skips the flush to disk after each write. That is several times faster, and loses
            // data only if the machine itself stops.
            database
                .enable_bulk_loading()
                .map_err(|error| StackError::Dynamo(error.to_string()))?;
        }
        let (listener, address) = Listening::bind().await.map_err(StackError::Listen)?;
        let task = tokio::spawn(async move {
            if let Err(error) =
                dynoxide::server::serve_with_shutdown(listener, database, std::future::pending())
                    .await
            {
                tracing::error!(%error, "the local DynamoDB has ended");
            }
        });
        let tally = Tally::default();
        let direct = Listening::of(address, task.abort_handle());
        match faults {
            None => Ok(Self { front: direct, _behind: None, tally }),
            Some(faults) => {
                let front = faults::in_front_of(address, faults, tally.clone())
                    .await
                    .map_err(StackError::Listen)?;
                Ok(Self { front, _behind: Some(direct), tally })
            }
        }
    }

    /// Number of calls per operation. Empty without a proxy.
    pub(crate) fn calls(&self) -> std::collections::BTreeMap<String, u64> {
        self.tally.counts()
    }

    /// The URL for clients.
    pub(crate) fn url(&self) -> String {
        self.front.url()
    }
}
