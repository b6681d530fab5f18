//! What is forecast of a change is what comes: shares within two points, moved clients exactly.
//!
//! Every scenario asks for a plan, makes the change, sends the same clients again and compares.

use std::collections::BTreeMap;

use poise_ipc::edit::Edit;
use poise_ipc::message::{Aftermath, Forecast, PlanQuery, Planned, Reply, Verb};

use super::scene::{DEAD, EVEN, Kind, Scene, weighs, with};
use crate::backends::Scripted;
use crate::script::{ok, read_message, send};

/// How far shares may be off, in thousandths.
const OFF_MAX: u16 = 20;
/// Rounds of all clients.
const ROUNDS: usize = 12;

impl Scene {
    fn plan(&self, edits: &[Edit]) -> Forecast {
        let query = PlanQuery { wanted: Planned::Edits(edits.to_vec()), if_revision: None };
        match self.daemon.ask(Verb::Plan(query)) {
            Ok(Reply::Plan(forecast)) => *forecast,
            other => panic!("no forecast: {other:?}"),
        }
    }

    fn aftermath(&self) -> Aftermath {
        match self.daemon.ask(Verb::Aftermath { revision: None }) {
            Ok(Reply::Aftermath(aftermath)) => *aftermath,
            other => panic!("no aftermath: {other:?}"),
        }
    }

    /// Forecasts, changes, measures, compares.
    fn holds(&mut self, edits: &[(&str, &str)]) {
        let before = self.rounds(ROUNDS);
        self.holds_after(&before, edits);
    }

    fn holds_after(&mut self, before: &BTreeMap<u8, String>, edits: &[(&str, &str)]) {
        let backend = |path: &str| format!("groups.app.{path}");
        let edits: Vec<_> = edits
            .iter()
            .map(|(path, value)| match *value {
                "" => Edit::remove(backend(path)),
                value => Edit::set(backend(path), value),
            })
            .collect();
        let forecast = self.plan(&edits);
        let group = forecast.groups.first().expect("the group is touched").clone();
        self.commit(&edits);
        let after = self.rounds(ROUNDS);
        let aftermath = self.aftermath();
        let seen = &aftermath.groups[0];
        for backend in &seen.backends {
            let told = group.backends.iter().find(|told| told.backend == backend.backend).expect("it was told of");
            let (told, share) = (told.after_permille.unwrap_or(0), backend.share_permille.expect("there was work"));
            assert!(
                told.abs_diff(share) <= OFF_MAX,
                "{}: {told} was forecast, {share} came: {group:#?}",
                backend.backend
            );
        }
        if matches!(self.kind, Kind::Source | Kind::Strict) {
            let moved =
                before.iter().filter(|(client, home)| after.get(client).is_some_and(|now| now != *home)).count();
            let refused = before.keys().filter(|client| !after.contains_key(client)).count();
            let told =
                |count: fn(&poise_ipc::message::BackendForecast) -> u64| group.backends.iter().map(count).sum::<u64>();
            assert_eq!((told(|b| b.moving), told(|b| b.refused)), (moved as u64, refused as u64), "{group:#?}");
            assert_eq!(told(|b| b.entries), u64::from(self.clients));
            assert_eq!(aftermath.entries_moved, moved as u64);
        }
        assert!(self.place.file().exists());
    }
}

#[test]
fn weights_of_three() {
    Scene::new(Kind::Http, "", 40, &EVEN).holds(&[("backends.b0.weight", "20"), ("backends.b2.weight", "300")]);
}

#[test]
fn weights_of_round_robin_count_for_nothing_until_it_is_weighted() {
    let sets = [weighs(100), weighs(300)];
    Scene::new(Kind::Http, "scheduler = \"rr\"", 40, &sets).holds(&[("scheduler", "wrr")]);
}

#[test]
fn a_backend_comes() {
    let extra = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("x"));
        }
    });
    let added = format!("{{ address = \"{}\", weight = 100 }}", extra.address);
    let mut scene = Scene::new(Kind::Http, "health_check = \"off\"", 40, &EVEN[..2]);
    scene.holds(&[("backends.new", &added)]);
}

#[test]
fn a_backend_goes() {
    Scene::new(Kind::Http, "", 40, &EVEN).holds(&[("backends.b1", "")]);
}

#[test]
fn a_backend_drains_softly_hard_or_is_disabled() {
    for state in ["draining", "draining-hard", "disabled"] {
        Scene::new(Kind::Http, "", 30, &EVEN).holds(&[("backends.b1.state", state)]);
    }
}

#[test]
fn one_of_no_weight_gets_nothing() {
    Scene::new(Kind::Http, "", 40, &EVEN).holds(&[("backends.b0.weight", "0")]);
}

#[test]
fn one_is_down_all_the_while() {
    let sets = [weighs(100), DEAD, weighs(50)];
    Scene::new(Kind::Http, "", 40, &sets).holds(&[("backends.b2.weight", "300")]);
}

#[test]
fn the_backup_serves_when_the_others_go() {
    let sets = [weighs(100), with(100, ", backup = true"), with(100, ", backup = true")];
    Scene::new(Kind::Http, "", 40, &sets).holds(&[("backends.b0.state", "disabled")]);
}

#[test]
fn all_are_down_and_it_fails_open() {
    let mut scene = Scene::new(Kind::Http, "", 20, &[weighs(100), weighs(100)]);
    scene.rounds(4);
    // Its address is taken over by nobody; the other answers again only after the forecast.
    scene.kill(0);
    let before = scene.rounds(4);
    scene.holds_after(&before, &[("backends.b1.weight", "40")]);
}

#[test]
fn p2c_over_equals() {
    Scene::new(Kind::Http, "scheduler = \"p2c\"", 120, &EVEN[..2]).holds(&[("backends.b0.max_connections", "50")]);
}

#[test]
fn cookies_keep_clients_where_they_are_when_weights_change() {
    Scene::new(Kind::Cookie, "", 40, &EVEN).holds(&[("backends.b0.weight", "1000")]);
}

#[test]
fn cookies_lead_elsewhere_when_a_backend_is_drained_hard() {
    Scene::new(Kind::Cookie, "", 40, &EVEN).holds(&[("backends.b0.state", "draining-hard")]);
}

#[test]
fn cookies_and_a_backend_that_is_down() {
    let mut scene = Scene::new(Kind::Cookie, "", 60, &EVEN);
    let before = scene.rounds(ROUNDS);
    scene.kill(1);
    scene.holds_after(&before, &[("backends.b2.state", "draining-hard")]);
}

#[test]
fn addresses_stay_when_weights_change() {
    Scene::new(Kind::Source, "", 40, &EVEN).holds(&[("backends.b0.weight", "900")]);
}

#[test]
fn addresses_stay_at_one_that_drains_softly() {
    Scene::new(Kind::Source, "", 40, &EVEN).holds(&[("backends.b0.state", "draining")]);
}

#[test]
fn addresses_move_from_one_that_is_drained_hard_disabled_or_removed() {
    for (path, value) in [("b0.state", "draining-hard"), ("b1.state", "disabled"), ("b2", "")] {
        Scene::new(Kind::Source, "", 40, &EVEN).holds(&[(&format!("backends.{path}"), value)]);
    }
}

#[test]
fn addresses_and_a_backend_that_is_down() {
    let sets = [weighs(100), weighs(200), weighs(100), weighs(100)];
    let mut scene = Scene::new(Kind::Source, "", 60, &sets);
    let before = scene.rounds(ROUNDS);
    scene.kill(1);
    scene.holds_after(&before, &[("backends.b0.state", "draining-hard")]);
}

#[test]
fn addresses_with_a_backend_that_was_never_up() {
    let sets = [weighs(100), DEAD, weighs(50)];
    Scene::new(Kind::Source, "", 60, &sets).holds(&[("backends.b2.state", "disabled")]);
}

#[test]
fn who_may_go_nowhere_else_is_refused() {
    let mut scene = Scene::new(Kind::Strict, "", 30, &EVEN);
    let before = scene.rounds(ROUNDS);
    scene.kill(0);
    scene.holds_after(&before, &[("backends.b1.weight", "500")]);
}

#[test]
fn persistence_of_cookies_with_a_new_backend_waits_for_new_clients() {
    let extra = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("x"));
        }
    });
    let added = format!("{{ address = \"{}\", weight = 100 }}", extra.address);
    Scene::new(Kind::Cookie, "health_check = \"off\"", 40, &EVEN[..2]).holds(&[("backends.new", &added)]);
}

#[test]
fn cookies_with_a_backend_that_was_never_up() {
    let sets = [weighs(100), DEAD, weighs(50), weighs(50)];
    Scene::new(Kind::Cookie, "", 48, &sets).holds(&[("backends.b0.state", "disabled")]);
}

#[test]
fn addresses_when_the_one_that_is_down_is_removed() {
    let mut scene = Scene::new(Kind::Source, "", 60, &EVEN);
    let before = scene.rounds(ROUNDS);
    scene.kill(2);
    scene.holds_after(&before, &[("backends.b2", ""), ("backends.b0.weight", "300")]);
}
