//! Which certificate a name leads to.

use super::super::certificate::load;
use super::super::made::{NOW, Shelf, provider};
use super::*;

struct Certificates(Vec<Loaded>);

impl Certificates {
    fn of(names: &[&[&str]]) -> Self {
        let (shelf, provider) = (Shelf::new(), provider());
        let made = names.iter().enumerate().map(|(at, names)| {
            let files = shelf.certificate(&at.to_string(), names, NOW);
            load(&files, &provider).expect("just made")
        });
        Self(made.collect())
    }

    fn names(&self, unknown: UnknownName) -> Names {
        Names::new(self.0.iter(), unknown)
    }

    /// The number of the certificate that a client gets who asks for `name`.
    fn chosen(&self, name: Option<&str>) -> Option<usize> {
        let names = self.names(UnknownName::Default);
        let key = names.choose(name, &[SignatureScheme::ECDSA_NISTP256_SHA256])?;
        self.0.iter().position(|loaded| Arc::ptr_eq(&loaded.key, key))
    }
}

#[test]
fn an_exact_name_comes_before_a_wildcard_and_anything_else_gets_the_first() {
    let made = Certificates::of(&[&["first.example"], &["*.shop.example"], &["www.shop.example"]]);
    assert_eq!(made.chosen(Some("www.shop.example")), Some(2));
    assert_eq!(made.chosen(Some("WWW.Shop.Example")), Some(2), "names know no case");
    assert_eq!(made.chosen(Some("api.shop.example")), Some(1));
    assert_eq!(made.chosen(Some("elsewhere.example")), Some(0));
    assert_eq!(made.chosen(None), Some(0));
}

#[test]
fn the_dot_of_the_root_makes_no_difference() {
    let made = Certificates::of(&[&["first.example"], &["*.shop.example", "site.example"]]);
    assert_eq!(made.chosen(Some("site.example.")), Some(1));
    assert_eq!(made.chosen(Some("api.Shop.example.")), Some(1));
    assert_eq!(made.chosen(Some("site.example..")), Some(0), "an empty label is another name");
    let names = made.names(UnknownName::Reject);
    assert!(!names.rejects(Some("site.example.")) && names.rejects(Some("elsewhere.example.")));
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let made = Certificates::of(&[&["first.example"], &["*.shop.example"]]);
    assert_eq!(made.chosen(Some("a.b.shop.example")), Some(0));
    assert_eq!(made.chosen(Some("shop.example")), Some(0));
    assert_eq!(made.chosen(Some(".shop.example")), Some(1), "an empty label is one, and never asked for");
}

#[test]
fn of_two_certificates_for_a_name_the_first_is_taken() {
    let made = Certificates::of(&[&["a.example", "b.example"], &["b.example"]]);
    assert_eq!(made.chosen(Some("b.example")), Some(0));
}

#[test]
fn unknown_names_are_turned_away_where_that_is_the_policy() {
    let made = Certificates::of(&[&["a.example", "*.b.example"]]);
    let names = made.names(UnknownName::Reject);
    assert!(names.rejects(Some("c.example")));
    assert!(!names.rejects(Some("a.example")) && !names.rejects(Some("x.b.example")));
    assert!(!names.rejects(None), "a client may ask for none");
    assert!(!made.names(UnknownName::Default).rejects(Some("c.example")));
}

#[test]
fn without_a_certificate_nobody_gets_one() {
    let none = Certificates(Vec::new());
    assert!(none.names(UnknownName::Default).is_empty());
    assert_eq!(none.chosen(None), None);
}
