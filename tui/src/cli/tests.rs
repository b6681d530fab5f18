//! The command line is sound, and what the documentation shows is understood.

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

fn read(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_has_no_contradiction() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_of_the_documentation_is_understood() {
    for line in [
        "poise",
        "poise status --check",
        "poise get backends -g app -l web -o json",
        "poise get groups.app.backends.app-1.weight",
        "poise describe backend app/app-1",
        "poise set groups.app.scheduler wlc groups.app.backends.app-1.weight 50",
        "poise weight app/app-1 50",
        "poise weight app/app-1 app/app-2 +10 --reason more",
        "poise weight app/app-1 -10 -o json",
        "poise drain app/app-1 --wait 30s",
        "poise enable app/app-1 app/app-2",
        "poise disable app/app-1 --if-revision 4",
        "poise add backend app/app-7 10.0.0.7:8080 --weight 10 --state draining",
        "poise add group app --scheduler wrr",
        "poise add listener web --bind 127.0.0.1:80 --protocol http --group app",
        "poise rm backend app/app-7",
        "poise rm groups.app.health_check.interval",
        "poise apply -f - --dry-run --if-revision 7 --reason why",
        "poise diff -f poise.toml",
        "poise health check app/app-1 -o json",
        "poise logs --backend app/app-1 --follow -o jsonl",
        "poise logs --group app --since 2h --only failures -n 100",
        "poise watch health config checks counters --interval 500ms",
        "poise history -n 20",
        "poise config check poise.toml",
        "poise config show",
        "poise config diff",
        "poise config reload --take file",
        "poise completions bash",
        "poise man pages",
        "poise __complete backends",
        "poise --socket /run/x.sock --timeout 1s -o tsv status",
    ] {
        read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        "poise frobnicate",
        "poise weight app/app-1",
        "poise weight app 50",
        "poise weight app/app-1 1001",
        "poise weight app/app-1 fifty",
        "poise logs -n 100001",
        "poise logs --since 5",
        "poise logs --backend app/app-1 --group app",
        "poise watch weather",
        "poise watch counters --interval 1ms",
        "poise add backend app/app-7 example.com",
        "poise add group app --scheduler fast",
        "poise drain app/app-1 --wait 30s --dry-run",
        "poise status -o xml",
        "poise apply",
    ] {
        let error = read(line).map(drop).expect_err(line);
        assert!(error.use_stderr(), "{line}");
    }
}

#[test]
fn every_verb_shows_an_example_of_itself() {
    let mut root = Cli::command();
    root.build();
    for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        let example = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(example.contains(&format!("poise {}", verb.get_name())), "{} has no example", verb.get_name());
    }
}

#[test]
fn examples_are_understood() {
    let mut root = Cli::command();
    root.build();
    for verb in root.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter(|line| line.starts_with("  poise ") && !line.contains(['|', '&', '>', '\''])) {
            let line = line.split("      ").next().unwrap_or(line);
            read(line.trim()).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
