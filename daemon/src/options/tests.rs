//! What must hold of the command line: defaults by user, ranges, and no guessed units.

use clap::CommandFactory;

use super::*;

fn typed(args: &[&str]) -> Result<Options, clap::Error> {
    Options::try_parse_from([&["poised"], args].concat())
}

fn settled(args: &[&str], around: &Surroundings) -> Settings {
    typed(args).expect("parses").settle(around, |_| true).expect("settles")
}

fn person() -> Surroundings {
    Surroundings { home: Some("/home/ada".into()), cores: 4, ..Surroundings::default() }
}

#[test]
fn the_command_line_is_sound() {
    Options::command().debug_assert();
}

#[test]
fn root_gets_system_paths() {
    let settings = settled(&[], &Surroundings { root: true, cores: 8, ..person() });
    assert_eq!(settings.config, Some("/etc/poise/poise.toml".into()));
    assert_eq!(settings.state_dir, PathBuf::from("/var/lib/poise"));
    assert_eq!(settings.workers.get(), 8);
    assert_eq!(settings.drain, Duration::from_secs(30));
}

#[test]
fn others_get_xdg_paths() {
    let settings = settled(&[], &person());
    assert_eq!(settings.config, Some("/home/ada/.config/poise/poise.toml".into()));
    assert_eq!(settings.state_dir, PathBuf::from("/home/ada/.local/state/poise"));
    let around = Surroundings { xdg_config: Some("/c".into()), xdg_state: Some("/s".into()), ..person() };
    let settings = settled(&[], &around);
    assert_eq!(settings.config, Some("/c/poise/poise.toml".into()));
    assert_eq!(settings.state_dir, PathBuf::from("/s/poise"));
}

#[test]
fn a_default_file_that_is_absent_is_not_used_but_a_named_one_is() {
    let none = typed(&[]).expect("parses").settle(&person(), |_| false).expect("settles");
    assert_eq!(none.config, None);
    let named = typed(&["--config", "/x.toml"]).expect("parses").settle(&person(), |_| false).expect("settles");
    assert_eq!(named.config, Some("/x.toml".into()));
}

#[test]
fn without_a_home_the_state_directory_must_be_named() {
    let around = Surroundings::default();
    assert_eq!(typed(&[]).expect("parses").settle(&around, |_| true), Err(NoStateDir));
    assert!(typed(&["--state-dir", "d"]).expect("parses").settle(&around, |_| true).is_ok());
}

#[test]
fn ranges_and_units_are_held() {
    for bad in [["--workers", "0"], ["--workers", "257"], ["--drain-time", "30"], ["--drain-time", "2h"]] {
        assert_eq!(typed(&bad).expect_err("refused").exit_code(), 2, "{bad:?}");
    }
    assert_eq!(settled(&["--drain-time", "1m"], &person()).drain, Duration::from_mins(1));
    for bad in ["--hook=page", "--hook-timeout=2s", "--hook-arg=a", "--hook=/page --hook-timeout=6m"] {
        let typed = typed(&bad.split(' ').collect::<Vec<_>>());
        assert_eq!(typed.expect_err("refused").exit_code(), 2, "{bad:?}");
    }
    let hook = settled(&["--hook", "/page", "--hook-arg", "--team", "--hook-arg", "a b"], &person()).hook;
    let (args, timeout) = (vec!["--team".to_owned(), "a b".to_owned()], Duration::from_secs(10));
    assert_eq!(hook, Some(Hook { program: "/page".into(), args, timeout }));
}
