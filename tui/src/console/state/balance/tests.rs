//! Order and selection of the list.

use proptest::prelude::*;

use super::{Balance, Line, natural};
use crate::console::fixture::status;
use crate::console::state::filter::Filter;
use crate::console::state::model::Model;

#[test]
fn numbers_in_names_count_as_numbers() {
    let mut names = ["app-10", "app-2", "app", "app-1", "b", "app-02", "app-1a", "2", "10"];
    names.sort_by(|a, b| natural(a, b));
    assert_eq!(names, ["2", "10", "app", "app-1", "app-1a", "app-02", "app-2", "app-10", "b"]);
}

proptest! {
    #[test]
    fn the_natural_order_is_an_order(a in "[a-b0-2-]{0,6}", b in "[a-b0-2-]{0,6}", c in "[a-b0-2-]{0,6}") {
        prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
        prop_assert_eq!(natural(&a, &b).is_eq(), a == b);
        if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
            prop_assert!(natural(&a, &c).is_le());
        }
    }
}

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
