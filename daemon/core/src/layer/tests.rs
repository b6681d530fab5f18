//! What is in force under layers, and how ramps go.

use poise_ipc::text::parse;
use proptest::prelude::*;

use super::*;

const TEXT: &str = "\
[groups.app.backends]
a = { address = \"10.0.0.1:80\", weight = 10 }
b = { address = \"10.0.0.2:80\" }
";

fn config() -> Config {
    parse(TEXT).expect("valid")
}

fn path(text: &str) -> BackendPath {
    text.parse().expect("a path")
}

fn author() -> Author {
    Author::new(0, "ada", 1)
}

fn lease(id: u64, key: &str, value: &str) -> Layer {
    let values = vec![(format!("groups.app.backends.{key}"), value.to_owned())];
    Layer { id, author: author(), reason: None, began_ms: id, kind: Kind::Lease { values, until_ms: 100 } }
}

fn ramp(from: u16, to: u16, over_ms: u64) -> Ramp {
    Ramp::new(path("app/a"), (from, to), over_ms, None, 0)
}

#[test]
fn the_layer_that_began_last_is_in_force_and_the_configuration_stays() {
    let layers = [lease(1, "a.weight", "20"), lease(2, "a.weight", "30")];
    let (now, idle) = in_force(&config(), &layers, 0);
    assert_eq!(get(&now, "groups.app.backends.a.weight").as_deref(), Some("30"));
    assert_eq!(idle, [None, None]);
    let told = statuses(&layers, &idle, &config(), &now, 0);
    let value = &told[0].values[0];
    let texts = (value.configured.as_deref(), value.held.as_str(), value.in_force.as_deref());
    assert_eq!(texts, (Some("10"), "20", Some("30")));
}

#[test]
fn a_layer_whose_object_is_gone_is_idle_and_the_others_are_in_force() {
    let layers = [lease(1, "gone.weight", "20"), lease(2, "b.state", "draining")];
    let (now, idle) = in_force(&config(), &layers, 0);
    assert_eq!(get(&now, "groups.app.backends.b.state").as_deref(), Some("draining"));
    assert!(idle[0].as_deref().is_some_and(|why| why.contains("gone")), "{idle:?}");
    assert_eq!(idle[1], None);
}

#[test]
fn the_values_of_a_lease_follow_a_backend_that_is_renamed() {
    let mut layer = lease(1, "a.drain.timeout", "5s");
    layer.follow(&HashMap::from([(path("app/a"), path("web/c"))]));
    assert_eq!(layer.values(0)[0].0, "groups.web.backends.c.drain.timeout");
    layer.follow(&HashMap::from([(path("web/cc"), path("web/d"))]));
    assert_eq!(layer.values(0)[0].0, "groups.web.backends.c.drain.timeout");
}

#[test]
fn a_ramp_goes_in_equal_steps_and_arrives_at_its_time() {
    let ramp = ramp(0, 100, 600_000);
    assert_eq!(ramp.steps, 100);
    let at = |ms| (ramp.step(ms), ramp.weight(ms));
    assert_eq!((at(0), at(5_999), at(6_000), at(300_000)), ((0, 0), (0, 0), (1, 1), (50, 50)));
    assert!(!ramp.has_arrived(599_999) && ramp.has_arrived(600_000));
    assert_eq!(ramp.status(6_000).next_ms, Some(12_000));
    assert_eq!(ramp.status(600_000).next_ms, None);
}

#[test]
fn steps_are_a_second_long_at_least() {
    assert_eq!(ramp(0, 1_000, 10_000).steps, 10);
    assert_eq!(Ramp::new(path("app/a"), (0, 9), 500, Some(40), 0).steps, 1);
    assert_eq!(ramp(5, 5, 10_000).steps, 1);
}

#[test]
fn a_ramp_that_is_held_stays_and_goes_on_from_there() {
    let mut ramp = ramp(100, 0, 100_000);
    ramp.hold(40_000);
    assert_eq!((ramp.weight(90_000), ramp.until_ms(90_000)), (60, 150_000));
    ramp.resume(90_000);
    ramp.resume(95_000);
    assert_eq!((ramp.weight(90_000), ramp.weight(100_000), ramp.until_ms(100_000)), (60, 50, 150_000));
}

proptest! {
    #[test]
    fn a_ramp_only_ever_moves_towards_its_end(
        from in 0_u16..=1_000, to in 0_u16..=1_000, over_ms in 1_000_u64..1_000_000,
        moments in prop::collection::vec(0_u64..1_100_000, 1..20),
    ) {
        let ramp = ramp(from, to, over_ms);
        let mut moments = moments;
        moments.sort_unstable();
        let weights: Vec<_> = moments.iter().map(|&ms| ramp.weight(ms)).collect();
        let sorted = weights.windows(2).all(|pair| if to >= from { pair[0] <= pair[1] } else { pair[0] >= pair[1] });
        prop_assert!(sorted, "{weights:?}");
        prop_assert_eq!((ramp.weight(0), ramp.weight(over_ms)), (from, to));
    }
}
