//! The selection follows what it is about, and every line can be reached.

use super::{Line, Overview, Selected};
use crate::console::fixture::{name, status};
use crate::console::state::model::Model;

fn words(overview: &Overview, model: &Model) -> String {
    match overview.selected(model) {
        Some(Line::Listener(listener)) => listener.name.to_string(),
        Some(Line::Route(listener, route)) => format!("{}/{}", listener.name, route.word()),
        _ => "nothing".to_owned(),
    }
}

#[test]
fn the_selection_walks_over_listeners_and_routes_and_never_rests_on_heads() {
    let model = Model::new(status(1, 1));
    let mut overview = Overview::default();
    let mut seen = vec![words(&overview, &model)];
    for _ in 0..6 {
        overview.move_by(&model, 1);
        seen.push(words(&overview, &model));
    }
    let all = ["api-80", "api-80/api", "api-80/canary", "api-80/old", "api-80/-", "db-5432", "db-5432"];
    assert_eq!(seen, all);
    for expected in ["api-80/-", "api-80/old", "api-80/canary", "api-80/api", "api-80", "api-80"] {
        overview.move_by(&model, -1);
        assert_eq!(words(&overview, &model), expected);
    }
}

#[test]
fn a_route_that_goes_leaves_its_listener_selected() {
    let mut status = status(1, 1);
    let model = Model::new(status.clone());
    let mut overview = Overview::default();
    overview.move_by(&model, 2);
    assert_eq!(words(&overview, &model), "api-80/api");
    status.listeners[0].routes.remove(0);
    let model = Model::new(status);
    assert_eq!(words(&overview, &model), "api-80");
    let none = Selected { listener: name("gone"), route: None };
    assert_eq!(words(&Overview { selected: Some(none), top: 0 }, &model), "api-80");
}

#[test]
fn scrolling_keeps_the_selection_on_the_screen_at_every_height() {
    let model = Model::new(status(1, 1));
    let mut overview = Overview::default();
    for (delta, height) in [(1, 1), (1, 2), (9, 3), (-1, 4), (-9, 2), (3, 100)] {
        overview.move_by(&model, delta);
        overview.scroll(&model, height);
        let at = overview.position(&Overview::lines(&model));
        assert!((overview.top..overview.top + height).contains(&at), "{at} from {} in {height}", overview.top);
    }
    assert_eq!(overview.top, 0, "a list that fits is shown from its beginning");
}
