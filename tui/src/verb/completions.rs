//! `poise completions`: scripts for bash, zsh and fish, made from the command line's definition.
//!
//! Names of backends, groups and listeners are asked of the daemon while completing, through the
//! hidden verb `__complete`, which says nothing when no daemon answers.

use clap::{Args as ClapArgs, CommandFactory as _, ValueEnum};
use clap_complete::Shell as Generator;
use poise_ipc::status::Status;

use super::Context;
use super::failure::Failure;
use super::link::Link;
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
}

/// Verbs whose first argument is a backend.
const BACKEND_VERBS: [&str; 4] = ["weight", "drain", "enable", "disable"];

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
        Kind::Listeners => status.listeners.iter().map(|listener| listener.name.to_string()).collect(),
    }
}

fn script(shell: Shell) -> String {
    match shell {
        Shell::Bash => format!("{}{}", generated(Generator::Bash), bash()),
        Shell::Zsh => zsh(&generated(Generator::Zsh)),
        Shell::Fish => format!("{}{}", generated(Generator::Fish), fish()),
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
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" word kind=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$word" in {verbs}) kind=backends ;; esac
    done
    case "$prev" in
        -b|--backend|backend) kind=backends ;;
        -g|--group|group) kind=groups ;;
        -l|--listener|listener) kind=listeners ;;
        -*) kind= ;;
    esac
    if [[ -n "$kind" && "$cur" != -* ]]; then
        COMPREPLY=($(compgen -W "$(poise __complete "$kind" 2>/dev/null)" -- "$cur"))
        return 0
    fi
    _poise "$@"
}}
complete -F _poise_live -o bashdefault -o default poise
"#
    )
}

fn fish() -> String {
    let mut script = String::new();
    let line = |condition: &str, kind: &str| {
        format!("complete -c poise -n \"{condition}\" -f -a \"(poise __complete {kind} 2>/dev/null)\"\n")
    };
    script.push_str(&line(&format!("__fish_seen_subcommand_from {}", BACKEND_VERBS.join(" ")), "backends"));
    script.push_str(&line("__fish_prev_arg_in -b --backend backend", "backends"));
    script.push_str(&line("__fish_prev_arg_in -g --group group", "groups"));
    script.push_str(&line("__fish_prev_arg_in -l --listener listener", "listeners"));
    script
}

/// zsh has an action per argument: those of backends get one of ours.
fn zsh(generated: &str) -> String {
    let functions = "
_poise_backends() { local -a names; names=(${(f)\"$(poise __complete backends 2>/dev/null)\"}); compadd -a names }
";
    let live = generated.replace("as GROUP/NAME:_default", "as GROUP/NAME:_poise_backends");
    live.replacen("\n_poise() {", &format!("{functions}\n_poise() {{"), 1)
}

#[cfg(test)]
mod tests;
