//! What is read, and what is said of files that cannot be used.

use super::super::made::{NOW, Shelf, pem, provider};
use super::*;

/// 2026-11-23.
const TODAY_MS: u64 = 1_795_392_000_000;

fn fault(certificate: &Certificate) -> String {
    let loaded = load(certificate, &provider());
    let error = match loaded {
        Ok(loaded) => loaded.judge(certificate, TODAY_MS).expect_err("not to be used"),
        Err(error) => error,
    };
    error.fault("certificates.site").to_string()
}

#[test]
fn a_certificate_with_its_key_can_be_used() {
    let shelf = Shelf::new();
    let files = shelf.certificate("site", &["a.example", "*.b.example"], NOW);
    let loaded = load(&files, &provider()).expect("they belong together");
    loaded.judge(&files, TODAY_MS).expect("today is one of its days");
    assert_eq!(loaded.facts.names, ["a.example", "*.b.example"]);
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let shelf = Shelf::new();
    let (ours, theirs) =
        (shelf.certificate("ours", &["a.example"], NOW), shelf.certificate("theirs", &["a.example"], NOW));
    let said = fault(&Certificate { chain: ours.chain, key: theirs.key });
    assert!(said.starts_with("certificates.site.key: the key of "), "{said}");
    assert!(said.contains("is not that of the first certificate of"), "{said}");
}

#[test]
fn a_certificate_before_its_time_or_after_it_is_refused() {
    let shelf = Shelf::new();
    let old = fault(&shelf.certificate("old", &["a.example"], (2020, 2025)));
    assert!(old.contains("has expired on 2025-12-31; renew it"), "{old}");
    let young = fault(&shelf.certificate("young", &["a.example"], (2027, 2028)));
    assert!(young.contains("is not valid before 2027-01-01; look at the clock"), "{young}");
}

#[test]
fn files_that_hold_something_else_are_refused_with_what_to_do() {
    let shelf = Shelf::new();
    let (chain, key) = pem(&["a.example"], NOW);
    let (chain, key) = (shelf.write("chain", &chain), shelf.write("key", &key));
    let files = |chain: &str, key: &str| Certificate { chain: chain.to_owned(), key: key.to_owned() };
    let missing = fault(&files("/nowhere/site.pem", &key));
    assert!(missing.contains("certificates.site.chain: read /nowhere/site.pem: No such file"), "{missing}");
    let swapped = fault(&files(&key, &chain));
    assert!(swapped.contains("certificates.site.chain: ") && swapped.contains("holds no certificate"), "{swapped}");
    let keyless = fault(&files(&chain, &chain));
    assert!(keyless.contains("certificates.site.key: ") && keyless.contains("holds no key"), "{keyless}");
    let folder = fault(&files("/", &key));
    assert!(folder.contains("it is no regular file"), "{folder}");
    let garbage = shelf.write("garbage", "-----BEGIN CERTIFICATE-----\nnonsense!\n-----END CERTIFICATE-----\n");
    assert!(fault(&files(&garbage, &key)).contains("is no PEM file: it is not in base64"));
    let hollow = shelf.write("hollow", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(fault(&files(&hollow, &key)).contains("it is no X.509 certificate"));
}

#[test]
fn no_file_is_read_without_an_end() {
    let shelf = Shelf::new();
    let long = shelf.write("long", &"# nothing\n".repeat(200_000));
    let said = fault(&Certificate { chain: long, key: "/nowhere".to_owned() });
    assert!(said.contains("it is longer than 1048576 bytes"), "{said}");
    let (chain, _) = pem(&["a.example"], NOW);
    let many = shelf.write("many", &chain.repeat(CHAIN_MAX + 1));
    let said = fault(&Certificate { chain: many, key: "/nowhere".to_owned() });
    assert!(said.contains("holds more than 16 certificates"), "{said}");
}
