//! The one place where verbs meet the client of the control socket.
//!
//! Opens it, asks, unpacks the answer that belongs to the question, and turns what the client
//! reports into failures with exit codes. It neither retries nor reconnects.

use std::io::ErrorKind;

use poise_ipc::Config;
use poise_ipc::client::{Client, ClientError};
use poise_ipc::message::{Applied, Event, Reply, Verb};
use poise_ipc::status::Status;

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

/// A connection to the daemon.
pub(super) struct Link {
    client: Client,
}

impl Link {
    /// Connects; every request has the context's timeout.
    pub(super) async fn open(context: &Context) -> Result<Self, Failure> {
        Ok(Self { client: Client::connect_as(&context.client, &context.socket, context.timeout).await? })
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&mut self, verb: Verb) -> Result<Reply, Failure> {
        Ok(self.client.request(verb).await?)
    }

    /// Everything at this moment.
    pub(super) async fn status(&mut self) -> Result<Status, Failure> {
        match self.ask(Verb::Status).await? {
            Reply::Status(status) => Ok(*status),
            _ => Err(misfit()),
        }
    }

    /// The revision and the running configuration.
    pub(super) async fn config(&mut self) -> Result<(u64, Config), Failure> {
        match self.ask(Verb::Config).await? {
            Reply::Config { revision, config } => Ok((revision, config)),
            _ => Err(misfit()),
        }
    }

    /// The outcome of a change.
    pub(super) async fn change(&mut self, verb: Verb) -> Result<Applied, Failure> {
        match self.ask(verb).await? {
            Reply::Applied(applied) => Ok(applied),
            _ => Err(misfit()),
        }
    }

    /// The next event of the subscription.
    pub(super) async fn event(&mut self) -> Result<Event, Failure> {
        Ok(self.client.next_event().await?)
    }
}

/// The daemon answered another question.
pub(super) fn misfit() -> Failure {
    Failure::new(Exit::Failed, "the daemon's answer does not fit the question")
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Refused(reply) => (*reply).into(),
            ClientError::Unreachable { source, .. } => unreachable(&message, &source),
            ClientError::TimedOut(_) => Self::new(Exit::TimedOut, message).hint("--timeout gives it longer"),
            ClientError::Closed => Self::new(Exit::Unreachable, message),
            _ => Self::new(Exit::Failed, message),
        }
    }
}

fn unreachable(message: &str, source: &std::io::Error) -> Failure {
    let message = format!("{message}: {source}");
    match source.kind() {
        ErrorKind::PermissionDenied => {
            Failure::new(Exit::Forbidden, message).hint("the socket is open to root, poised's user and the group poise")
        }
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::new(Exit::Unreachable, message)
            .hint("is poised running? --socket or POISE_SOCKET names another one"),
        _ => Failure::new(Exit::Unreachable, message),
    }
}
