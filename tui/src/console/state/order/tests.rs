//! Names with numbers.

use proptest::prelude::*;

use super::natural;

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
