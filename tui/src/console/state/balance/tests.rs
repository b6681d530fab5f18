//! Order and selection of the list.

use super::{Balance, Line};
use crate::console::fixture::status;
use crate::console::state::filter::Filter;
use crate::console::state::model::Model;

#[test]
fn every_group_has_a_line_above_its_backends() {
    let model = Model::new(status(1, 0));
    let mut balance = Balance::default();
    balance.arrange(&model, false);
    assert_eq!(balance.lines().len(), 14);
    assert!(matches!(&balance.lines()[0], Line::Group(name) if name.as_str() == "app"));
    assert!(matches!(&balance.lines()[8], Line::Group(name) if name.as_str() == "static"));
    assert_eq!((balance.backends_total(), balance.selected), (12, Some(1)));
}

#[test]
fn a_selected_backend_that_leaves_the_filter_stays_until_the_operator_moves() {
    let mut news = status(1, 0);
    let mut balance = Balance { filter: Filter::new("state:down"), ..Balance::default() };
    balance.arrange(&Model::new(news.clone()), true);
    assert_eq!(balance.selected, Some(6));
    news.groups[0].backends[5].health.health = poise_ipc::status::Health::Up;
    balance.arrange(&Model::new(news.clone()), false);
    assert_eq!(balance.selected, Some(6), "news do not move the selection");
    news.groups[0].backends.remove(5);
    balance.arrange(&Model::new(news), false);
    assert_eq!(balance.selected, None, "nor put it onto another backend");
}

#[test]
fn the_selection_is_always_on_the_screen() {
    let model = Model::new(status(1, 0));
    let mut balance = Balance::default();
    balance.arrange(&model, true);
    for delta in [0, 3, 5, 100, -2, -100, 7] {
        balance.move_by(delta);
        for height in [1, 2, 5, 30] {
            balance.scroll(height);
            let page = balance.lines().iter().skip(balance.top).take(height);
            assert!(page.clone().any(|line| matches!(line, Line::Backend(id) if Some(*id) == balance.selected)));
        }
    }
}

#[test]
fn the_scope_walks_through_all_groups_and_back_to_all() {
    let model = Model::new(status(1, 0));
    let mut balance = Balance::default();
    let mut seen = Vec::new();
    for _ in 0..3 {
        balance.cycle_scope(&model, false);
        seen.push(balance.scope.as_ref().map(ToString::to_string));
    }
    assert_eq!(seen, [Some("app".to_owned()), Some("static".to_owned()), None]);
    balance.cycle_scope(&model, true);
    assert_eq!(balance.scope.as_ref().map(poise_ipc::Name::as_str), Some("static"));
}
