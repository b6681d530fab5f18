//! `poise route-test`: which rule takes a request, where it goes, and why no earlier rule took it.
//!
//! The daemon reads the request by its live plan; nothing is sent.

use clap::Args as ClapArgs;
use poise_ipc::Name;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::routing::{RouteAnswer, RouteGroup, RouteOutcome, RouteQuery, RuleVerdict};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, json, jsonl, listing};
use super::link::{Link, misfit};
use super::objects::absent;
use super::stdout::print;
use super::trial::url::Url;
use crate::exit::Exit;
use crate::safe;

/// Say where a request would go, and why: rule, group and backends.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise route-test GET http://shop.example.com/cart
  poise route-test POST https://api.example.com/v2/orders -H 'X-Canary: yes' -o json
  poise route-test GET http://shop.example.com/ -H 'Cookie: SERVERID=...'

Ends with 0 when a backend or a redirect takes the request, with 10 when it would be refused.
Nothing is sent.")]
pub(crate) struct Args {
    /// Method, as in GET.
    #[arg(value_name = "METHOD")]
    method: String,
    /// What is asked for.
    #[arg(value_name = "URL")]
    url: Url,
    /// A field of the request, as in 'X-Canary: yes'.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(String, String)>,
    /// The listener; those of the scheme, and of the port if any has it, unless given.
    #[arg(long, value_name = "NAME")]
    listener: Option<Name>,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as in 'X-Canary: yes'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let host = args.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let query = RouteQuery {
        listener: args.listener.clone(),
        is_https: args.url.is_https,
        port: args.url.port,
        method: args.method.clone(),
        host: host.map_or_else(|| args.url.authority(), |(_, value)| value.clone()),
        target: args.url.target.clone(),
        headers: args.headers.clone(),
    };
    let Reply::RouteTest { answers } = link.ask(Verb::RouteTest(query)).await? else { return Err(misfit()) };
    if answers.is_empty() {
        return Err(nobody(args, &mut link).await?);
    }
    print(&report(context.format, &answers))?;
    let refused = |answer: &RouteAnswer| match &answer.outcome {
        RouteOutcome::Refused { .. } => true,
        RouteOutcome::Redirect { .. } => false,
        RouteOutcome::Groups { groups, pinned } => {
            pinned.is_none() && groups.iter().all(|group| group.share_permille == 0 || group.refuses.is_some())
        }
    };
    Ok(if answers.iter().all(refused) { Exit::Degraded } else { Exit::Ok })
}

/// Why there is no answer.
async fn nobody(args: &Args, link: &mut Link) -> Result<Failure, Failure> {
    let listeners = link.status().await?.listeners;
    if let Some(name) = &args.listener {
        let known = listeners.iter().filter(|listener| listener.protocol.is_http());
        let known = known.map(|listener| listener.name.to_string()).collect();
        return Ok(absent("http listener", &format!("listeners.{name}"), name.as_str(), known));
    }
    let scheme = if args.url.is_https { "https" } else { "http" };
    Ok(Failure::new(Exit::NotFound, format!("no listener of protocol {scheme}")))
}

type Cell = Column<RuleVerdict>;

const COLUMNS: &[Cell] = &[
    Cell::text("RULE", |rule| route_word(rule.route.as_ref())),
    Cell::text("HOST", |rule| rule.host.clone().unwrap_or_else(|| "*".to_owned())),
    Cell::text("SAYS", |rule| {
        rule.fails.map_or_else(|| "takes it".to_owned(), |condition| format!("{condition} does not fit"))
    }),
];

fn route_word(route: Option<&Name>) -> String {
    route.map_or_else(|| "(listener)".to_owned(), ToString::to_string)
}

#[derive(Serialize)]
struct Answers<'a> {
    answers: &'a [RouteAnswer],
}

fn report(format: Format, answers: &[RouteAnswer]) -> String {
    match format {
        Format::Json => json(&Answers { answers }),
        Format::Jsonl => answers.iter().map(jsonl).collect(),
        Format::Table | Format::Wide => answers.iter().map(told).collect::<Vec<_>>().join("\n"),
        Format::Tsv => {
            answers.iter().map(|answer| listing(format, "rules", COLUMNS, &answer.rules, Clone::clone)).collect()
        }
    }
}

/// An answer for people: what becomes of the request first, the rules after it.
fn told(answer: &RouteAnswer) -> String {
    let outcome = match &answer.outcome {
        RouteOutcome::Redirect { status, location } => vec![format!("{status} to {}", safe::line(location))],
        RouteOutcome::Refused { cause } => {
            let status = cause.status().map_or_else(|| "-".to_owned(), |status| status.to_string());
            vec![format!("refused with {status}: {cause}")]
        }
        RouteOutcome::Groups { groups, pinned } => {
            let pinned = pinned.iter().map(|backend| format!("its cookie leads to {backend}"));
            pinned.chain(groups.iter().map(of_group)).collect()
        }
    };
    let head = format!("listener {}, rule {}", answer.listener, route_word(answer.route.as_ref()));
    let path = format!("path as rules read it: {}", safe::line(&answer.path));
    let facts: Vec<_> = outcome.iter().chain([&path]).map(|fact| format!("  {fact}\n")).collect();
    format!("{head}\n{}{}", facts.concat(), listing(Format::Table, "rules", COLUMNS, &answer.rules, Clone::clone))
}

fn of_group(group: &RouteGroup) -> String {
    let share = percent(group.share_permille);
    if let Some(cause) = group.refuses {
        return format!("group {} {share}: nobody takes it, {cause}", group.name);
    }
    let backends = group.backends.iter().map(|(name, share)| format!("{name} {}", percent(*share)));
    format!("group {} {share}: {}", group.name, backends.collect::<Vec<_>>().join(", "))
}

fn percent(permille: u16) -> String {
    format!("{}.{}%", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests;
