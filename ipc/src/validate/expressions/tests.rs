//! Expressions that are refused, and where they fail.

use super::*;

fn fault(pattern: &str) -> String {
    let route = Route { path_regex: Some(pattern.to_owned()), ..Route::default() };
    judge("r", &route).map(|fault| fault.to_string()).unwrap_or_default()
}

#[test]
fn a_bad_expression_is_refused_with_its_place_what_it_is_and_what_to_do() {
    for (pattern, at, hint) in [
        ("/(a", "unclosed group, at byte 1, before (a;", "close the group with )"),
        ("/a)|(b", "unopened group, at byte 2, before )|(b;", "open the group with ("),
        ("/a[b", "unclosed character class, at byte 2, before [b;", "close the class with ]"),
        ("/*+", "", ""),
        ("*", "repetition operator missing expression, at byte 0, before *;", "put what is repeated"),
        ("/[z-a]", "invalid character class range", "lower end"),
        ("/a\\", "incomplete escape sequence, reached end of pattern prematurely, at byte 2", "\\\\ for a backslash"),
        ("/a\\y", "unrecognized escape sequence, at byte 2, before \\y;", "\\\\ for a backslash"),
        ("/a(?=b)", "look-around", "use a second route"),
        ("/(a)\\1", "backreferences are not supported, at byte 4, before \\1;", "use a second route"),
        ("/a{2,1}", "invalid repetition count range", "write {2}"),
        ("/\\pL", "Unicode", "paths are bytes"),
        ("(?x)/a # b", "it ends in a comment", "remove (?x)"),
        ("/.*", "", ""),
    ] {
        let fault = fault(pattern);
        assert!(fault.contains(at) && fault.contains(hint), "{pattern}: {fault}");
        assert_eq!(fault.is_empty(), at.is_empty(), "{pattern}: {fault}");
    }
}

#[test]
fn an_expression_that_grows_too_large_is_refused_with_the_limit() {
    let fault = fault("/(.{1000}){1000}");
    assert!(fault.contains("too large once compiled; allowed: up to 1 MiB"), "{fault}");
}
