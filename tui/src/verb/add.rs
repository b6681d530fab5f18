//! `poise add`: a new backend, group or listener.
//!
//! What is there already stays as it is: adding the same again changes nothing, adding another
//! under its name fails.

use std::collections::BTreeMap;

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::diff::diff;
use poise_ipc::edit::{Edit, backend_path};
use poise_ipc::limits::{WEIGHT, WEIGHT_DEFAULT};
use poise_ipc::model::{Address, AdminState, Backend, Bind, CheckProtocol, Group, Listener, Protocol, Scheduler};
use poise_ipc::{BackendPath, Config, Name};

use super::commit::{Basis, Options, commit};
use super::failure::Failure;
use super::words::one_of;
use super::{Context, objects};
use crate::exit::Exit;

/// Add a backend, a group or a listener.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise add group app --scheduler wlc --check http
  poise add backend app/app-7 10.0.0.7:8080 --weight 10
  poise add listener web --bind 0.0.0.0:80 --protocol http --group app")]
pub(crate) struct Args {
    #[command(subcommand)]
    object: Object,
}

#[derive(Subcommand, Debug)]
enum Object {
    /// Add a backend to a group: poise add backend app/app-7 10.0.0.7:8080
    Backend {
        /// The group and the name of the backend, as GROUP/NAME.
        #[arg(value_name = "GROUP/NAME")]
        path: BackendPath,
        /// Where it listens, as IP:PORT, NAME:PORT or unix:PATH.
        address: Address,
        /// Weight, 0 to 1000.
        #[arg(long, default_value_t = WEIGHT_DEFAULT, value_parser = clap::value_parser!(u16).range(weight_range()))]
        weight: u16,
        /// Admin state to start with.
        #[arg(long, default_value = "enabled", value_parser = one_of(AdminState::WORDS))]
        state: AdminState,
        #[command(flatten)]
        options: Options,
    },
    /// Add a group: poise add group app --scheduler wrr
    Group {
        /// Its name.
        name: Name,
        /// How a backend is chosen.
        #[arg(long, default_value = "wrr", value_parser = one_of(Scheduler::WORDS))]
        scheduler: Scheduler,
        /// What health checks speak.
        #[arg(long, default_value = "tcp", value_parser = one_of(CheckProtocol::WORDS))]
        check: CheckProtocol,
        #[command(flatten)]
        options: Options,
    },
    /// Add a listener: poise add listener web --bind 0.0.0.0:80 --protocol http --group app
    Listener {
        /// Its name.
        name: Name,
        /// Where it accepts, as IP:PORT or unix:PATH.
        #[arg(long, value_name = "ADDRESS")]
        bind: Bind,
        /// What is spoken on it.
        #[arg(long, value_parser = one_of(Protocol::WORDS))]
        protocol: Protocol,
        /// The group that receives the traffic.
        #[arg(long)]
        group: Name,
        #[command(flatten)]
        options: Options,
    },
}

fn weight_range() -> std::ops::RangeInclusive<i64> {
    i64::from(*WEIGHT.start())..=i64::from(*WEIGHT.end())
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    commit(context, options(&args.object), Basis::Command, |config| edits(config, &args.object)).await
}

fn options(object: &Object) -> &Options {
    match object {
        Object::Backend { options, .. } | Object::Group { options, .. } | Object::Listener { options, .. } => options,
    }
}

fn edits(config: &Config, object: &Object) -> Result<Vec<Edit>, Failure> {
    let mut after = config.clone();
    match object {
        Object::Backend { path, address, weight, state, .. } => {
            objects::group(config, path.group.as_str())?;
            let backend = Backend { weight: *weight, state: *state, ..Backend::new(address.clone()) };
            let edit = Edit::backend(path, &backend);
            let held = config.groups.get(&path.group).and_then(|group| group.backends.get(&path.backend));
            return vacant(held, &backend, &backend_path(path)).map(|()| vec![edit]);
        }
        Object::Group { name, scheduler, check, .. } => {
            let mut group = Group { scheduler: *scheduler, ..Group::default() };
            group.health_check.protocol = *check;
            insert(&mut after.groups, name, group, "groups")?;
        }
        Object::Listener { name, bind, protocol, group, .. } => {
            let listener = Listener::new(bind.clone(), *protocol, group.clone());
            insert(&mut after.listeners, name, listener, "listeners")?;
        }
    }
    Ok(diff(config, &after))
}

fn insert<T: PartialEq>(objects: &mut BTreeMap<Name, T>, name: &Name, object: T, kind: &str) -> Result<(), Failure> {
    vacant(objects.get(name), &object, &format!("{kind}.{name}"))?;
    objects.insert(name.clone(), object);
    Ok(())
}

/// Whether a name is free, or holds the very same already.
fn vacant<T: PartialEq>(held: Option<&T>, wanted: &T, path: &str) -> Result<(), Failure> {
    match held {
        Some(held) if held != wanted => Err(Failure::new(Exit::Failed, format!("{path} is there already"))
            .at(path)
            .hint(format!("poise get {path} shows it, poise set changes it"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
