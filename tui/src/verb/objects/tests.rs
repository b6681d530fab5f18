//! What is not there is named, with what might have been meant.

use super::super::fixture::config;
use super::{backend, group, holder, listener};
use crate::exit::Exit;

#[test]
fn what_is_there_is_found() {
    let config = config();
    assert_eq!(backend(&config, &"app/app-2".parse().unwrap()).unwrap().weight, 50);
    assert!(group(&config, "data").is_ok());
    assert!(listener(&config, "web").is_ok());
}

#[test]
fn a_mistyped_backend_names_the_nearest_one() {
    let failure = backend(&config(), &"app/app-3".parse().unwrap()).unwrap_err();
    assert_eq!(failure.exit, Exit::NotFound);
    assert_eq!(failure.message, "no backend app/app-3");
    assert_eq!(failure.path.as_deref(), Some("groups.app.backends.app-3"));
    assert!(failure.hint.unwrap().starts_with("did you mean app/app-"));
}

#[test]
fn a_name_near_to_none_is_answered_with_those_there_are() {
    let failure = group(&config(), "zzz").unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("there is app, data"));
}

#[test]
fn a_path_needs_the_objects_that_it_leads_through_and_not_the_one_it_names() {
    let config = config();
    for path in
        ["groups.app.backends.app-1.weight", "groups.app.backends.new", "groups.new", "listeners.web.bind", "nonsense"]
    {
        assert!(holder(&config, path).is_ok(), "{path}");
    }
    for path in
        ["groups.nope.scheduler", "groups.app.backends.nope.weight", "listeners.nope.bind", "groups.nope.backends.x"]
    {
        assert_eq!(holder(&config, path).unwrap_err().exit, Exit::NotFound, "{path}");
    }
}
