//! What options and environment allow.

use super::{Caps, ColorChoice, Level};

fn detect(color: ColorChoice, env: &[(&str, &str)]) -> Caps {
    Caps::detect(color, false, |name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

const XTERM: [(&str, &str); 2] = [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];

#[test]
fn a_modern_terminal_gets_its_own_sixteen_colours() {
    assert_eq!(detect(ColorChoice::Auto, &XTERM), Caps { level: Level::Ansi16, ascii: false });
}

#[test]
fn an_option_beats_no_color_and_no_color_beats_the_terminal() {
    let env = [XTERM[0], XTERM[1], ("NO_COLOR", "1")];
    assert_eq!(detect(ColorChoice::Auto, &env).level, Level::Never);
    assert_eq!(detect(ColorChoice::True, &env).level, Level::True);
    assert_eq!(detect(ColorChoice::Auto, &[XTERM[0], XTERM[1], ("NO_COLOR", "")]).level, Level::Ansi16);
}

#[test]
fn old_terminals_and_plain_locales_get_ascii() {
    for (term, locale) in [("vt100", "C.UTF-8"), ("linux", "C.UTF-8"), ("xterm", "C"), ("xterm", "de_DE.ISO-8859-1")] {
        assert!(detect(ColorChoice::Auto, &[("TERM", term), ("LANG", locale)]).ascii, "{term} {locale}");
    }
    assert!(detect(ColorChoice::Auto, &[("TERM", "xterm"), ("LANG", "C.UTF-8"), ("LC_ALL", "C")]).ascii);
    assert!(!detect(ColorChoice::Auto, &[("TERM", "xterm"), ("LANG", "C"), ("LC_ALL", "de_DE.utf8")]).ascii);
    assert_eq!(detect(ColorChoice::Auto, &[]), Caps { level: Level::Never, ascii: true });
}
