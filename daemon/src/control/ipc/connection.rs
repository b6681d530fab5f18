//! One connection: requests one at a time, and between them the events of its subscription.
//!
//! What belongs to the connection (role, subscription) is answered here; everything else goes to
//! the single writer, after the role was checked. A slow peer makes only itself wait. Called by
//! the accept loop, one task each.

use std::sync::Arc;
use std::time::Duration;

use poise_ipc::message::{Author, ErrorCode, ErrorReply, Reply, Request, Role, ServerMessage, Subscribe, Verb};
use poise_ipc::status::Status;
use poise_ipc::transport::Stream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{oneshot, watch};
use tokio::time::{interval, timeout};

use super::Link;
use super::slots::{Engaged, Seat};
use super::subscription::{Due, Numbers, Subscription};
use super::wire::{End, Input, Wire};
use crate::control::audit::Asked;
use crate::control::command::{Answer, Command};

/// Time in which the single writer answers; a disk may be slow, a client must not wait for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for an upgrade: as long as its steps may take, and some more.
const UPGRADE_TIMEOUT: Duration = Duration::from_mins(2);
/// Time between two looks whether a peer that sends nothing more still reads.
const GONE_INTERVAL: Duration = Duration::from_secs(5);
/// Characters of what a client calls itself.
const CLIENT_LEN_MAX: usize = 64;
/// Time for the last words to a peer that is closed.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(200);
/// Time between two events of counters, in milliseconds.
const COUNTERS_INTERVAL_MS: std::ops::RangeInclusive<u32> = 100..=60_000;

/// Who is connected, and what the connection needs of the rest.
#[derive(Debug)]
pub(super) struct Guest {
    /// Who.
    pub(super) author: Author,
    /// What the connection may do.
    pub(super) role: Role,
    /// Its place at the socket.
    pub(super) seat: Arc<Seat>,
    /// The way to control.
    pub(super) link: Link,
    /// Turns true when poised ends.
    pub(super) stopping: watch::Receiver<bool>,
}

/// One connection.
#[derive(Debug)]
struct Connection {
    wire: Wire,
    guest: Guest,
    numbers: Numbers,
    subscription: Option<Subscription>,
    /// The peer sends nothing more.
    ended: bool,
}

/// What a connection does next.
enum Next {
    Input(Input),
    Due(Due),
    LookWhetherGone,
}

/// Serves a connection until one side ends it.
pub(super) async fn serve(stream: Stream, guest: Guest) -> End {
    let wire = match Wire::open(stream, guest.role).await {
        Ok(wire) => wire,
        Err(end) => return end,
    };
    let mut connection = Connection { wire, guest, numbers: Numbers::default(), subscription: None, ended: false };
    let end = match connection.run().await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    connection.farewell(end).await;
    end
}

impl Connection {
    async fn run(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            let idle = if self.subscription.is_some() { Engaged::Subscribed } else { Engaged::Idle };
            self.guest.seat.engage(idle);
            let next = self.next().await?;
            match next {
                Next::Input(Input::Request(request)) => {
                    self.guest.seat.engage(Engaged::Asking);
                    self.guest.seat.touch();
                    self.answer(request).await?;
                }
                Next::Input(Input::Malformed { id, error }) => self.say(ServerMessage::Error { id, error }).await?,
                Next::Input(Input::Ended) if self.subscription.is_some() => self.ended = true,
                Next::Input(Input::Ended) => return Err(End::Gone),
                Next::Due(due) => self.deliver(due).await?,
                Next::LookWhetherGone if self.wire.is_gone() => return Err(End::Gone),
                Next::LookWhetherGone => {}
            }
        }
    }

    /// Waits for what is next. Every arm is cancel safe.
    async fn next(&mut self) -> Result<Next, End> {
        let Self { wire, guest, numbers, subscription, ended } = self;
        let due = async {
            match subscription {
                Some(subscription) => subscription.due(numbers).await,
                None => std::future::pending().await,
            }
        };
        let look = async {
            let mut looks = interval(GONE_INTERVAL);
            looks.tick().await;
            looks.tick().await;
        };
        tokio::select! {
            _ = guest.stopping.wait_for(|stopping| *stopping) => Err(End::Stopped),
            input = wire.read(), if !*ended => input.map(Next::Input),
            due = due => Ok(Next::Due(due)),
            () = look, if *ended => Ok(Next::LookWhetherGone),
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), End> {
        let id = request.id;
        let message = match self.handle(request.verb).await {
            Ok(reply) => ServerMessage::Reply { id, reply },
            Err(error) => ServerMessage::Error { id, error },
        };
        self.say(message).await
    }

    async fn handle(&mut self, verb: Verb) -> Answer {
        if !verb.mutates() {
            return self.admit(verb).await;
        }
        let asked = Asked::of(&verb);
        let said = self.admit(verb).await;
        let Guest { author, role, link, .. } = &self.guest;
        link.note(asked.row(author.clone(), *role, &said)).await;
        said
    }

    /// Answers what the connection may ask.
    async fn admit(&mut self, verb: Verb) -> Answer {
        let role = self.guest.role;
        if role < verb.role() {
            return Err(forbidden(role, verb.role()));
        }
        if self.guest.link.read_only && verb.mutates() {
            return Err(read_only());
        }
        match verb {
            Verb::Introduce { client } => {
                self.guest.author.client = named(client)?;
                self.ask(Verb::Hello).await
            }
            Verb::Subscribe(wanted) => self.subscribe(wanted),
            Verb::Unsubscribe => {
                self.subscription = None;
                Ok(Reply::Done)
            }
            Verb::StepDown { role: wanted } if wanted > role => Err(step_up(role)),
            Verb::StepDown { role: wanted } => {
                self.guest.role = wanted;
                self.guest.seat.set_role(wanted);
                self.ask(Verb::Hello).await
            }
            verb => self.ask(verb).await,
        }
    }

    fn subscribe(&mut self, wanted: Subscribe) -> Answer {
        if !COUNTERS_INTERVAL_MS.contains(&wanted.interval_ms) {
            let (low, high) = COUNTERS_INTERVAL_MS.into_inner();
            let message = format!("an interval of {} ms, allowed are {low} to {high}", wanted.interval_ms);
            return Err(ErrorReply {
                path: Some("interval_ms".into()),
                ..ErrorReply::new(ErrorCode::Invalid, message)
            });
        }
        self.subscription = Some(Subscription::new(wanted, &self.guest.link.feed));
        Ok(Reply::Done)
    }

    /// Asks the single writer.
    async fn ask(&self, verb: Verb) -> Answer {
        let (reply, answer) = oneshot::channel();
        let patience = if matches!(verb, Verb::Upgrade(_)) { UPGRADE_TIMEOUT } else { ANSWER_TIMEOUT };
        let Guest { author, role, link, .. } = &self.guest;
        let command = Command::Request { verb, author: author.clone(), role: *role, reply };
        match link.inbox.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(ErrorReply::new(ErrorCode::Busy, "too many requests wait")),
            Err(TrySendError::Closed(_)) => return Err(ending()),
        }
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ending()),
            Err(_) => {
                let message = format!("no answer within {} s; the change may still be made", patience.as_secs());
                Err(ErrorReply::new(ErrorCode::Busy, message).hint("look at the revision before trying again"))
            }
        }
    }

    /// The state as a whole, from the single writer.
    async fn status(&self) -> Result<Arc<Status>, End> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.guest.link.inbox.send(Command::Snapshot { reply }).await.ok()?;
            answer.await.ok()
        };
        match timeout(ANSWER_TIMEOUT, asked).await {
            Ok(Some(status)) => Ok(status),
            Ok(None) | Err(_) => Err(End::Stopped),
        }
    }

    async fn deliver(&mut self, due: Due) -> Result<(), End> {
        let event = match due {
            Due::Event(event) => Some(event),
            Due::Nothing => None,
            Due::Ended => return Err(End::Stopped),
            Due::Snapshot | Due::Counters => {
                let status = self.status().await?;
                match (&mut self.subscription, due) {
                    (Some(subscription), Due::Snapshot) => Some(subscription.snapshot(status, &mut self.numbers)),
                    (Some(subscription), _) => subscription.moved(status, &mut self.numbers),
                    (None, _) => None,
                }
            }
        };
        match event {
            Some(event) => self.say(ServerMessage::Event(event)).await,
            None => Ok(()),
        }
    }

    async fn say(&mut self, message: ServerMessage) -> Result<(), End> {
        self.wire.write(&message, &self.guest.seat).await
    }

    /// Says why the connection ends, to those who may still hear it.
    async fn farewell(&mut self, end: End) {
        let error = match end {
            End::Gone => return,
            End::TooSlow => ErrorReply::new(ErrorCode::Malformed, "a message was begun and not finished in time"),
            End::Unreadable => ErrorReply::new(ErrorCode::Malformed, "a message exceeds the length allowed"),
            End::Stopped => ending(),
        };
        // Best effort: the connection ends whether or not this arrives.
        let _ = timeout(FAREWELL_TIMEOUT, self.say(ServerMessage::Error { id: 0, error })).await;
    }
}

fn forbidden(has: Role, needs: Role) -> ErrorReply {
    let message = format!("this needs the role {}, the connection has {}", needs.word(), has.word());
    let hint = match needs {
        Role::Admin => "connect as root or as the user that poised runs as",
        Role::Operate | Role::View => "connect as a member of the group poise, through the main socket",
    };
    ErrorReply::new(ErrorCode::Forbidden, message).hint(hint)
}

fn read_only() -> ErrorReply {
    let error = ErrorReply::new(ErrorCode::Forbidden, "poised is read-only: nothing can be changed");
    error.hint("it was started with --read-only")
}

/// What a client calls itself.
fn named(client: String) -> Result<String, ErrorReply> {
    let is_fit = |c: char| c.is_ascii_graphic() || c == ' ';
    if (1..=CLIENT_LEN_MAX).contains(&client.len()) && client.chars().all(is_fit) {
        return Ok(client);
    }
    let message = format!("a client is called by 1 to {CLIENT_LEN_MAX} printable ASCII characters");
    Err(ErrorReply { path: Some("client".into()), ..ErrorReply::new(ErrorCode::Invalid, message) })
}

fn step_up(has: Role) -> ErrorReply {
    let message = format!("a connection can only step down, this one has the role {}", has.word());
    ErrorReply::new(ErrorCode::Forbidden, message)
}

fn ending() -> ErrorReply {
    ErrorReply::new(ErrorCode::Busy, "poised is ending").hint("connect again once it has started")
}
