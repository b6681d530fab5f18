//! Completions know every verb and ask the daemon for names.

use std::process::{Command, Stdio};

use super::super::fixture::status;
use super::{Kind, Shell, listed, script};

#[test]
fn every_shell_knows_the_verbs_and_asks_for_names() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let script = script(shell);
        for part in ["drain", "apply", "--if-revision", "__complete"] {
            let known = script.contains(part) || script.contains(part.trim_start_matches("--"));
            assert!(known, "{shell:?} lacks {part}");
        }
    }
    let zsh = script(Shell::Zsh);
    for line in ["as GROUP/NAME:_poise_names backends'", "'--group=[Only this group]:NAME:_poise_names groups'"] {
        assert!(zsh.contains(line), "zsh lacks {line}");
    }
    let option = "-s b -l backend -d 'Only this backend, as GROUP/NAME' -r -f -a \"(poise __complete backends";
    assert!(script(Shell::Fish).contains(option), "fish lacks {option}");
}

#[test]
fn names_come_from_the_running_state() {
    assert_eq!(listed(Kind::Backends, &status()), ["app/app-1", "app/app-2", "data/data-1"]);
    assert_eq!(listed(Kind::Groups, &status()), ["app", "data"]);
    assert_eq!(listed(Kind::Listeners, &status()), ["db", "web"]);
}

#[test]
fn bash_completes_verbs_and_backends() {
    let program = format!(
        "poise() {{ echo 'app/app-1 app/app-2'; }}\n{}\n\
         COMP_WORDS=(poise weight app/app-); COMP_CWORD=2; _poise_live poise app/app- weight; echo \"${{COMPREPLY[*]}}\"\n\
         COMP_WORDS=(poise wei); COMP_CWORD=1; _poise_live poise wei poise; echo \"${{COMPREPLY[*]}}\"\n",
        script(Shell::Bash)
    );
    let Ok(done) = Command::new("bash").args(["-c", &program]).stderr(Stdio::inherit()).output() else {
        return; // This machine has no bash to complete in.
    };
    assert_eq!(String::from_utf8_lossy(&done.stdout), "app/app-1 app/app-2\nweight\n");
}
