//! Values change where they stand, and everything else stays to the byte.

use poise_ipc::apply::apply;
use poise_ipc::message::Drifted;

use super::*;

const TEXT: &str = "\
# our edge, ask ops before you touch it
[listeners.web]   # the public one
bind = \"127.0.0.1:8080\"  # behind the router
protocol = \"http\"
group = \"app\"
persistence = \"cookie-insert\"
routes.static = { path = \"/static/\", group = \"spare\" } # files

# backends of the app
[groups.app]
scheduler = \"wrr\" # for now
health_check = { protocol = \"http\", path = \"/healthz\" } # cheap

[groups.app.backends]
# the old box
app-1 = { address = \"10.0.0.1:80\", weight = 100 } # rack 1
app-2 = { address = \"10.0.0.2:80\" }

[groups.spare]
backends.s = { address = \"10.0.0.9:80\" }
";

fn changed(edits: &[(&str, &str)]) -> (Config, String) {
    let edits: Vec<_> = edits
        .iter()
        .map(|(path, value)| if value.is_empty() { Edit::remove(*path) } else { Edit::set(*path, *value) })
        .collect();
    let wanted = apply(&parse(TEXT).expect("valid"), &edits).expect("valid");
    let text = export(&[TEXT], &wanted).expect("it can be written").concat();
    assert_eq!(parse(&text).as_ref(), Ok(&wanted), "{text}");
    (wanted, text)
}

#[test]
fn a_value_changes_where_it_stands_and_nothing_else_does() {
    let (_, text) = changed(&[("groups.app.scheduler", "wlc"), ("groups.app.backends.app-1.weight", "7")]);
    let expected = TEXT.replace("\"wrr\"", "\"wlc\"").replace("weight = 100", "weight = 7");
    assert_eq!(text, expected);
    assert_eq!(changed(&[]).1, TEXT);
}

#[test]
fn new_backends_stand_with_the_others_and_removed_ones_are_gone() {
    let (_, text) = changed(&[
        ("groups.app.backends.app-3", "{ address = \"10.0.0.3:80\", weight = 5 }"),
        ("groups.app.backends.app-2", ""),
    ]);
    let expected =
        TEXT.replace("app-2 = { address = \"10.0.0.2:80\" }\n", "app-3 = { address = \"10.0.0.3:80\", weight = 5 }\n");
    assert_eq!(text, expected);
}

#[test]
fn short_forms_that_cannot_hold_a_value_are_written_anew_and_no_more_than_those() {
    let (_, text) = changed(&[("listeners.web.persistence.timeout", "30m"), ("listeners.web.idle_timeout", "30s")]);
    for kept in ["# our edge", "# the public one", "# behind the router", "# cheap", "# rack 1", "# for now"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn new_listeners_and_groups_are_sections_of_their_own() {
    let (_, text) = changed(&[
        ("groups.new", "{ scheduler = \"rr\", backends = { n = { address = \"10.0.0.7:80\" } } }"),
        ("listeners.dns", "{ bind = \"127.0.0.1:53\", protocol = \"udp\", group = \"new\" }"),
    ]);
    let (listeners, groups) = TEXT.split_once("\n# backends of the app").expect("it is there");
    let listener = "\n[listeners.dns]\nbind = \"127.0.0.1:53\"\nprotocol = \"udp\"\ngroup = \"new\"\n";
    let group = "\n[groups.new]\nscheduler = \"rr\"\n\n[groups.new.backends]\nn = { address = \"10.0.0.7:80\" }\n";
    assert_eq!(text, format!("{listeners}{listener}\n# backends of the app{groups}{group}"));
}

#[test]
fn routes_change_where_they_stand() {
    let (_, text) = changed(&[("listeners.web.routes.static.path", "/assets/")]);
    assert_eq!(text, TEXT.replace("/static/", "/assets/"));
}

#[test]
fn own_changes_of_the_file_stay_and_conflicts_are_named() {
    let some = |value: &str| Some(value.to_owned());
    let one = |taken, file, running| Drifted { path: "a".to_owned(), taken, file, running };
    assert_eq!(brought_in(&[one(some("1"), some("1"), some("2"))]), Ok(vec![Edit::set("a", "2")]));
    assert_eq!(brought_in(&[one(some("1"), some("1"), None)]), Ok(vec![Edit::remove("a")]));
    assert_eq!(brought_in(&[one(some("1"), some("2"), some("1"))]), Ok(vec![]));
    assert_eq!(brought_in(&[one(some("1"), some("2"), some("2"))]), Ok(vec![]));
    assert_eq!(brought_in(&[one(some("1"), some("2"), some("3"))]), Err(vec!["a".to_owned()]));
}

#[test]
fn what_stands_in_one_of_several_files_stays_in_it_and_what_is_new_comes_to_its_like() {
    let main = "# ours\n[groups.app.backends]\na = { address = \"10.0.0.1:80\" } # rack 1\n";
    let web = "# the edge\n[listeners.web] # public\nbind = \"127.0.0.1:1\"\nprotocol = \"http\"\ngroup = \"app\"\n";
    let shop = "[groups.shop.backends]\nb = { address = \"10.0.0.2:80\" } # rack 2\n";
    let texts = [main, web, shop];
    let config = parse(&joined(texts.into_iter())).expect("valid");
    let edits = [
        Edit::set("groups.shop.backends.b.weight", "7"),
        Edit::set("groups.shop.backends.c", "{ address = \"10.0.0.3:80\" }"),
        Edit::set("listeners.web.response_timeout", "\"9s\""),
        Edit::set("listeners.api", "{ bind = \"127.0.0.1:2\", protocol = \"http\", group = \"app\" }"),
        Edit::set("groups.new", "{ backends = { d = { address = \"10.0.0.4:80\" } } }"),
    ];
    let wanted = apply(&config, &edits).expect("valid");
    let written = export(&texts, &wanted).expect("it can be written");
    assert_eq!(parse(&joined(written.iter().map(String::as_str))).as_ref(), Ok(&wanted));
    assert!(written[0].starts_with(main) && written[0].contains("[groups.new"), "{}", written[0]);
    assert!(written[1].starts_with("# the edge\n[listeners.web] # public") && written[1].contains("[listeners.api]"));
    assert!(written[2].contains("weight = 7 } # rack 2") && written[2].contains("\nc = "), "{}", written[2]);
}
