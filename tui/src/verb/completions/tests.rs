//! Completions know every verb and ask the daemon for names.

use std::process::{Command, Stdio};

use poise_ipc::status::CertificateStatus;

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
    for line in
        ["Only these certificates:_poise_names certificates'", "Only this certificate:_poise_names certificates'"]
    {
        assert!(zsh.contains(line), "zsh lacks {line}");
    }
    let certificates = "\"__fish_seen_subcommand_from certificates\" -f -a \"(poise __complete certificates";
    assert!(script(Shell::Fish).contains(certificates), "fish lacks {certificates}");
    let option = "-s b -l backend -d 'Only this backend, as GROUP/NAME' -r -f -a \"(poise __complete backends";
    assert!(script(Shell::Fish).contains(option), "fish lacks {option}");
}

fn certificate(name: &str) -> CertificateStatus {
    CertificateStatus {
        name: name.parse().expect("a name"),
        chain: String::new(),
        facts: None,
        days_left: None,
        loaded_ms: 0,
        error: None,
        listeners: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn names_come_from_the_running_state() {
    assert_eq!(listed(Kind::Backends, &status()), ["app/app-1", "app/app-2", "data/data-1"]);
    assert_eq!(listed(Kind::Groups, &status()), ["app", "data"]);
    assert_eq!(listed(Kind::Listeners, &status()), ["db", "web"]);
    let mut secured = status();
    secured.certificates = ["shop", "site"].map(certificate).into();
    assert_eq!(listed(Kind::Certificates, &secured), ["shop", "site"]);
}

#[test]
fn bash_completes_verbs_and_names() {
    let program = format!(
        "poise() {{ case $2 in backends) echo 'app/app-1 app/app-2';; certificates) echo 'shop site';; esac; }}\n{}\n\
         COMP_WORDS=(poise weight app/app-); COMP_CWORD=2; _poise_live poise app/app- weight; echo \"${{COMPREPLY[*]}}\"\n\
         COMP_WORDS=(poise wei); COMP_CWORD=1; _poise_live poise wei poise; echo \"${{COMPREPLY[*]}}\"\n\
         COMP_WORDS=(poise certificates ''); COMP_CWORD=2; _poise_live; echo \"${{COMPREPLY[*]}}\"\n\
         COMP_WORDS=(poise certificates reload sh); COMP_CWORD=3; _poise_live; echo \"${{COMPREPLY[*]}}\"\n",
        script(Shell::Bash)
    );
    let Ok(done) = Command::new("bash").args(["-c", &program]).stderr(Stdio::inherit()).output() else {
        return; // This machine has no bash to complete in.
    };
    assert_eq!(String::from_utf8_lossy(&done.stdout), "app/app-1 app/app-2\nweight\nreload shop site\nshop\n");
}
