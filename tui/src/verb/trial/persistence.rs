//! `poise test persistence`: a row of requests by one client, and whether they met one backend.
//!
//! The client keeps cookies as a browser does; which backend answered is read off the cookie, which
//! only the daemon can do. Each request has a connection of its own.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::persistence::{CookieQuery, CookieRow};
use poise_ipc::status::Status;
use serde::Serialize;
use tokio::time::sleep;

use super::fetch::{Answer, Client, connector};
use super::jar::{Cookie, Jar, Put};
use super::judge::{Judgement, Round, Site, Verdict, judge};
use super::url::Url;
use crate::exit::Exit;
use crate::verb::Context;
use crate::verb::failure::Failure;
use crate::verb::format::{Column, Format, json, jsonl, listing};
use crate::verb::link::{Link, misfit};
use crate::verb::stdout::print;
use crate::verb::text::{count, lines, span};
use crate::verb::words::duration;

/// See whether a client keeps its backend.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise test persistence http://127.0.0.1:8080/
  poise test persistence http://127.0.0.1:8080/shop/ --host shop.example.com -n 30 --interval 1s
  poise test persistence https://127.0.0.1/ --insecure -o json | jq .verdict

Without a cookie jar every request is a new client's, and different backends are no fault:
--no-cookies shows it. Exit code 10 when the client lost its backend or never had one.")]
pub(super) struct Args {
    /// What to ask for.
    #[arg(value_name = "URL")]
    url: Url,
    /// How many requests.
    #[arg(short = 'n', long = "count", value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Time between two of them [default: none].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    interval: Option<Duration>,
    /// Send no cookies, as `curl` does without -b.
    #[arg(long)]
    no_cookies: bool,
    /// Name of the host to ask for, where it is not that of the URL.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// https: believe every certificate.
    #[arg(long)]
    insecure: bool,
}

type Cell = Column<Shown>;

const COLUMNS: &[Cell] = &[
    Cell::number("#", |row| row.number.to_string()),
    Cell::number("AT", |row| span(row.at_ms)).raw(|row| row.at_ms.to_string()),
    Cell::number("STATUS", |row| row.status.to_string()),
    Cell::text("BACKEND", |row| row.backend.clone().unwrap_or_else(|| "-".to_owned())),
    Cell::text("COOKIE", |row| row.cookie.to_owned()),
    Cell::number("TIME", |row| span(row.took_ms)).raw(|row| row.took_ms.to_string()),
];

/// A request as it is shown.
#[derive(Clone, Debug, Serialize)]
struct Shown {
    number: usize,
    at_ms: u64,
    status: u16,
    backend: Option<String>,
    cookie: &'static str,
    took_ms: u64,
}

/// All of it, in JSON.
#[derive(Serialize)]
struct Report<'a> {
    url: String,
    #[serde(flatten)]
    judgement: &'a Judgement,
    requests: &'a [Shown],
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let site = site(&args.url, &link.status().await?);
    let client = Client {
        url: args.url.clone(),
        host: args.host.clone().unwrap_or_else(|| args.url.authority()),
        timeout: context.timeout,
        tls: args.url.is_https.then(|| connector(args.insecure)).transpose()?,
    };
    let mut trial = Trial { args, client, jar: Jar::default(), known: HashSet::new(), begun: Instant::now() };
    let mut rounds = Vec::new();
    for number in 0..args.count {
        if let (1.., Some(interval)) = (number, args.interval) {
            sleep(interval).await;
        }
        rounds.push(trial.round(&mut link).await?);
    }
    let judgement = judge(&rounds, site.as_ref(), !args.no_cookies);
    print(&report(context.format, &args.url, &rounds, &judgement))?;
    Ok(match judgement.verdict {
        Verdict::Kept | Verdict::NotTried => Exit::Ok,
        Verdict::Lost | Verdict::NeverSet => Exit::Degraded,
    })
}

/// The listener that accepts on the URL's port.
fn site(url: &Url, status: &Status) -> Option<Site> {
    let of_port = status.listeners.iter().filter(|listener| listener.protocol.is_http());
    let mut of_port = of_port.filter(|listener| listener.bind.ip().is_some_and(|address| address.port() == url.port));
    of_port.next().map(|listener| Site {
        listener: listener.name.to_string(),
        persistence: listener.persistence.clone(),
        has_routes: !listener.routes.is_empty(),
    })
}

/// A client on its way.
struct Trial<'a> {
    args: &'a Args,
    client: Client,
    jar: Jar,
    /// Names of cookies that the daemon knows as persistence.
    known: HashSet<String>,
    begun: Instant,
}

impl Trial<'_> {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn round(&mut self, link: &mut Link) -> Result<Round, Failure> {
        let at_ms = self.now_ms();
        let dropped = self.jar.age(at_ms).into_iter().find(|cookie| self.known.contains(&cookie.name));
        let carried = self.known.iter().find_map(|name| self.jar.get(name)).cloned();
        let carried = match carried {
            Some(Cookie { name, value, .. }) => whom(link, &name, &value).await?,
            None => None,
        };
        let Answer { status, cookies, took_ms } = self.client.ask(self.jar.field().as_deref()).await?;
        let dropped_s = dropped.and_then(|cookie| cookie.max_age_s);
        let mut round = Round { at_ms, status, took_ms, carried, dropped_s, ..Round::default() };
        for field in cookies {
            self.take(&field, &mut round, link).await?;
        }
        Ok(round)
    }

    /// Takes a cookie that an answer sets.
    async fn take(&mut self, field: &str, round: &mut Round, link: &mut Link) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        // Without a jar it is read all the same, and thrown away.
        let mut none = Jar::default();
        let jar = if self.args.no_cookies { &mut none } else { &mut self.jar };
        let (cookie, lost) = match jar.put(field, &self.client.url, now_ms) {
            Put::Kept(cookie) => (cookie, None),
            Put::Lost(cookie, why) => (cookie, Some(why)),
            Put::Nothing => return Ok(()),
        };
        if let Some(row) = whom(link, &cookie.name, &cookie.value).await? {
            self.known.insert(cookie.name);
            (round.set, round.stays_behind, round.max_age_s) = (Some(row), lost, cookie.max_age_s);
        }
        Ok(())
    }
}

/// Whom a cookie binds, if it is one of the daemon's.
async fn whom(link: &mut Link, name: &str, value: &str) -> Result<Option<CookieRow>, Failure> {
    let query = CookieQuery { name: name.to_owned(), value: value.trim_matches('"').to_owned() };
    let Reply::Cookie { rows } = link.ask(Verb::Cookie(query)).await? else { return Err(misfit()) };
    // Listeners of one group agree; another one's that does not know the value says less.
    Ok(rows.into_iter().max_by_key(|row| row.verdict))
}

fn report(format: Format, url: &Url, rounds: &[Round], judgement: &Judgement) -> String {
    let shown: Vec<_> = (1..).zip(rounds).map(|(number, round)| show(number, round)).collect();
    let document = Report { url: url.to_string(), judgement, requests: &shown };
    match format {
        Format::Json => json(&document),
        Format::Jsonl => jsonl(&document),
        Format::Tsv => listing(format, "requests", COLUMNS, &shown, Clone::clone),
        Format::Table | Format::Wide => {
            let table = listing(format, "requests", COLUMNS, &shown, Clone::clone);
            let reasons = lines(judgement.reasons.iter().map(|reason| format!("  {reason}")));
            format!("{table}\n{}\n{reasons}", summary(rounds, judgement.verdict))
        }
    }
}

fn show(number: usize, round: &Round) -> Shown {
    let Round { at_ms, status, took_ms, .. } = *round;
    Shown { number, at_ms, status, took_ms, backend: round.backend(), cookie: round.cookie() }
}

/// The verdict in a line.
fn summary(rounds: &[Round], verdict: Verdict) -> String {
    let requests = count(rounds.len(), "request");
    match (verdict, rounds.first().and_then(Round::backend)) {
        (Verdict::Kept, Some(backend)) => format!("kept: {requests}, all to {backend}"),
        _ => format!("{}: {requests}", verdict.word()),
    }
}

#[cfg(test)]
mod tests;
