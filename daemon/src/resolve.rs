//! Looking up host names, within a bound of time and of look-ups at once.
//!
//! The way of looking up is handed in: the system's for the daemon, a table for tests. It remembers
//! nothing; what names stand for is control's, which asks at commits and from time to time.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// How long one name may take: the usual resolver has asked two servers twice by then.
pub const LOOKUP_WAIT: Duration = Duration::from_secs(5);
/// Look-ups at once, each on a thread of its own; more wait for their turn.
pub const LOOKUPS_MAX: usize = 8;
/// Addresses of one name that are looked at; more are not needed to choose one.
pub const ADDRESSES_MAX: usize = 64;

/// What a look-up gives.
type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody answered in time, or all turns are taken by look-ups that nobody answers.
    #[error("no answer within {} s", LOOKUP_WAIT.as_secs())]
    Timeout,
    /// The name exists and has no address.
    #[error("the name has no address")]
    Empty,
    /// The resolver says so.
    #[error("{0}")]
    Failed(io::Error),
}

/// Looks up names.
#[derive(Clone)]
pub struct Resolver {
    lookup: Arc<dyn Fn(String) -> Answer + Send + Sync>,
    turns: Arc<Semaphore>,
}

impl Resolver {
    /// As the system resolves names: its hosts file, its name servers, its order.
    pub fn system() -> Self {
        Self::new(|host| async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    /// In a way of the caller's own.
    pub fn new<F>(lookup: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let lookup = Arc::new(move |host| Box::pin(lookup(host)) as Answer);
        Self { lookup, turns: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// The addresses of a name, sorted, IPv4 first, each once; at least one. Must be called within
    /// a runtime.
    ///
    /// # Errors
    /// [`LookupError`], at the latest after [`LOOKUP_WAIT`].
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let (lookup, turns) = ((self.lookup)(host.to_owned()), Arc::clone(&self.turns));
        // The system's look-up cannot be called off: it keeps its turn until it has ended, so that
        // names that nobody answers for do not take a thread each time they are asked for.
        let asked = tokio::spawn(async move {
            let _turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            lookup.await
        });
        let answered = tokio::time::timeout(LOOKUP_WAIT, asked).await.map_err(|_| LookupError::Timeout)?;
        let mut found = answered.map_err(io::Error::other).and_then(|found| found).map_err(LookupError::Failed)?;
        found.sort_unstable();
        found.dedup();
        found.truncate(ADDRESSES_MAX);
        if found.is_empty() { Err(LookupError::Empty) } else { Ok(found) }
    }
}

#[cfg(test)]
mod tests;
