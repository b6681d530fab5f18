//! Differences lead from one configuration to the other, as finely as can be.

use proptest::prelude::*;

use super::diff;
use crate::apply::apply;
use crate::edit::Edit;
use crate::text::parse;
use crate::text::tests::SAMPLE;
use crate::text::tests::made::a_config;

#[test]
fn one_setting_makes_one_edit() {
    let from = parse(SAMPLE).expect("the sample is valid");
    let to = parse(&SAMPLE.replace("weight = 50", "weight = 60")).expect("still valid");
    assert_eq!(diff(&from, &to), [Edit::set("groups.app.backends.app-2.weight", "60")]);
    assert_eq!(diff(&from, &from), []);
}

#[test]
fn a_protocol_and_what_hangs_on_it_change_in_order() {
    let from = parse(SAMPLE).expect("the sample is valid");
    let tcp =
        SAMPLE.replace("\"http\"\ngroup", "\"tcp\"\ngroup").replace("kind = \"cookie-insert\"", "kind = \"source\"");
    let to = parse(&tcp).expect("still valid");
    assert_eq!(
        diff(&from, &to),
        [Edit::set("listeners.web.protocol", "\"tcp\""), Edit::set("listeners.web.persistence.kind", "\"source\"")]
    );
}

proptest! {
    #[test]
    fn differences_lead_from_one_to_the_other(from in a_config(), to in a_config()) {
        prop_assert_eq!(apply(&from, &diff(&from, &to)), Ok(to));
    }
}
