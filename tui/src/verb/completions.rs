//! `poise completions`: scripts for bash, zsh and fish, made from the command line's definition.
//!
//! Names of backends, groups, listeners, routes and certificates are asked of the daemon while completing, through the
//! hidden verb `__complete`, which says nothing when no daemon answers.

use clap::{Args as ClapArgs, CommandFactory as _, ValueEnum};
use clap_complete::Shell as Generator;
use poise_ipc::status::Status;

use super::Context;
use super::failure::Failure;
use super::link::Link;
use super::rows::route;
use super::stdout::print;
use super::text::lines;
use crate::cli::Cli;
use crate::exit::Exit;

/// Print the completion script of a shell.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  source <(poise completions bash)
  poise completions zsh > ~/.zfunc/_poise
  poise completions fish > ~/.config/fish/completions/poise.fish")]
pub(crate) struct Args {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Which names to print, one a line.
#[derive(ClapArgs, Debug)]
pub(crate) struct NamesArgs {
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Backends,
    Groups,
    Listeners,
    Certificates,
    Routes,
}

/// Verbs whose first argument is a backend.
const BACKEND_VERBS: [&str; 5] = ["weight", "drain", "enable", "disable", "wait"];

/// The verb whose arguments are certificates.
const CERTIFICATES: &str = "certificates";

/// What the help of such an argument ends with, where a shell is told of each by itself.
const CERTIFICATE_MARKS: [&str; 2] = ["Only these certificates", "Only this certificate"];

/// Options whose value is a name, and the kind of it. The same words name a kind before a name, as in
/// `poise rm backend`.
const NAMING_OPTIONS: [(&str, &str); 4] =
    [("backend", "backends"), ("group", "groups"), ("listener", "listeners"), ("route", "routes")];

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    print(&script(args.shell))?;
    Ok(Exit::Ok)
}

pub(super) async fn names(args: &NamesArgs, context: &Context) -> Result<Exit, Failure> {
    let Ok(mut link) = Link::open(context).await else { return Ok(Exit::Ok) };
    let Ok(status) = link.status().await else { return Ok(Exit::Ok) };
    print(&lines(listed(args.kind, &status)))?;
    Ok(Exit::Ok)
}

fn listed(kind: Kind, status: &Status) -> Vec<String> {
    let groups = || status.groups.iter();
    match kind {
        Kind::Backends => groups().flat_map(|g| &g.backends).map(|b| format!("{}/{}", b.group, b.name)).collect(),
        Kind::Groups => groups().map(|group| group.name.to_string()).collect(),
        Kind::Certificates => status.certificates.iter().map(|certificate| certificate.name.to_string()).collect(),
        Kind::Listeners => status.listeners.iter().map(|listener| listener.name.to_string()).collect(),
        Kind::Routes => route::of(&status.listeners).iter().map(route::name).collect(),
    }
}

fn script(shell: Shell) -> String {
    match shell {
        Shell::Bash => format!("{}{}", generated(Generator::Bash), bash()),
        Shell::Zsh => zsh(&generated(Generator::Zsh)),
        Shell::Fish => fish(&generated(Generator::Fish)),
    }
}

fn generated(shell: Generator) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "poise", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Names from the daemon where one is due, everything else as generated.
fn bash() -> String {
    let verbs = BACKEND_VERBS.join("|");
    format!(
        r#"
_poise_live() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" word kind= more=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$word" in {verbs}) kind=backends ;; {CERTIFICATES}) kind={CERTIFICATES} ;; esac
    done
    case "$prev" in
        -b|--backend|backend) kind=backends ;;
        -g|--group|group) kind=groups ;;
        -l|--listener|listener) kind=listeners ;;
        {CERTIFICATES}) more=reload ;;
        route) kind=routes ;;
        -*) kind= ;;
    esac
    if [[ -n "$kind" && "$cur" != -* ]]; then
        COMPREPLY=($(compgen -W "$more $(poise __complete "$kind" 2>/dev/null)" -- "$cur"))
        return 0
    fi
    _poise "$@"
}}
complete -F _poise_live -o bashdefault -o default poise
"#
    )
}

/// In fish what stands behind an option is said in that option's own line.
fn fish(generated: &str) -> String {
    let ask = |kind: &str| format!("-f -a \"(poise __complete {kind} 2>/dev/null)\"\n");
    let live = |line: &str| {
        let option = NAMING_OPTIONS.iter().find(|(option, _)| line.contains(&format!(" -l {option} ")));
        let kind = option.filter(|_| line.ends_with(" -r")).map(|(_, kind)| kind);
        kind.map_or_else(|| format!("{line}\n"), |kind| format!("{line} {}", ask(kind)))
    };
    let mut script: String = generated.lines().map(live).collect::<Vec<_>>().concat();
    let mut when = |condition: &str, kind| {
        script.extend(["complete -c poise -n \"", condition, "\" ", &ask(kind)]);
    };
    when(&format!("__fish_seen_subcommand_from {}", BACKEND_VERBS.join(" ")), "backends");
    when(&format!("__fish_seen_subcommand_from {CERTIFICATES}"), CERTIFICATES);
    for (word, kind) in NAMING_OPTIONS {
        when(&format!("__fish_prev_arg_in {word}"), kind);
    }
    script
}

/// In zsh every argument has an action of its own: those of names get ours.
fn zsh(generated: &str) -> String {
    let names = r#"
_poise_names() { local -a names; names=(${(f)"$(poise __complete ${@[-1]} 2>/dev/null)"}); compadd -a names }
"#;
    let live = |line: &str| {
        let starts = |option: &str| line.starts_with(&format!("'--{option}=["));
        let option = NAMING_OPTIONS.iter().find(|(option, _)| starts(option)).map(|(_, kind)| *kind);
        let kind = option.or_else(|| line.contains("as GROUP/NAME").then_some("backends"));
        let is_certificate = CERTIFICATE_MARKS.iter().any(|mark| line.contains(mark));
        let kind = kind.or_else(|| is_certificate.then_some(CERTIFICATES));
        kind.map_or_else(|| line.to_owned(), |kind| line.replace(":_default'", &format!(":_poise_names {kind}'")))
    };
    // zsh cannot tell the backends from the weight behind them, and there is nothing to complete in it.
    let lines = generated.lines().filter(|line| !line.starts_with("':weight --"));
    let script = lines.map(live).collect::<Vec<_>>().join("\n");
    script.replacen("\n_poise() {", &format!("{names}\n_poise() {{"), 1)
}

#[cfg(test)]
mod tests;
