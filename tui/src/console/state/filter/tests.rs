//! What passes a filter.

use proptest::prelude::*;

use super::{Filter, Subject, holds_text};

struct Row;

impl Subject for Row {
    fn has_text(&self, needle: &str, exact: bool) -> bool {
        holds_text("App/app-1 10.0.0.1:8080", needle, exact)
    }

    fn state(&self) -> &'static str {
        "down"
    }

    fn number(&self, key: &str) -> Option<f64> {
        (key == "weight").then_some(60.0)
    }
}

#[test]
fn every_form_of_a_term_is_understood() {
    for text in [
        "",
        "  ",
        "app",
        "App",
        "10.0 app-1",
        "!web",
        "state:down",
        "STATE:d !state:up",
        "weight>50",
        "!weight>60",
        "!",
    ] {
        assert!(Filter::new(text).matches(&Row) != (text == "STATE:d !state:up"), "{text:?}");
    }
    for text in ["APP", "web", "!app", "state:up", "weight<60", "rps>0", "app web"] {
        assert!(!Filter::new(text).matches(&Row), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in any::<String>()) {
        let filter = Filter::new(&text);
        let _ = filter.matches(&Row);
        prop_assert_eq!(filter.text(), text);
    }
}
