//! What is read, and what is said of files that cannot be used.

use super::super::made::{NOW, Shelf, chain_of_three, forms, pem, provider, section};
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

#[test]
fn keys_of_every_kind_are_read_in_every_form() {
    let shelf = Shelf::new();
    for kind in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let (chain, keys) = forms(kind);
        let chain = shelf.write("chain", &chain);
        for key in keys {
            let files = Certificate { chain: chain.clone(), key: shelf.write("key", &key) };
            let loaded = load(&files, &provider()).unwrap_or_else(|error| panic!("{kind:?}: {error}: {key}"));
            assert_eq!(loaded.notes, [""; 0], "{kind:?}");
        }
    }
}

#[test]
fn keys_that_cannot_be_read_say_what_to_do() {
    let shelf = Shelf::new();
    let (chain, _) = pem(&["a.example"], NOW);
    let chain = shelf.write("chain", &chain);
    let of = |text: &str| fault(&Certificate { chain: chain.clone(), key: shelf.write("key", text) });
    let header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n";
    for locked in [
        section("ENCRYPTED PRIVATE KEY", &[0; 48]),
        format!("-----BEGIN EC PRIVATE KEY-----\n{header}-----END EC PRIVATE KEY-----\n"),
    ] {
        let said = of(&locked);
        assert!(said.contains("is under a passphrase; take it off: openssl pkey"), "{said}");
    }
    assert!(of("0\u{1}\u{2}").contains("is no PEM file: it is DER or PKCS #12; write it anew as PEM"));
    let swapped = section("PRIVATE KEY", b"nothing of a key");
    assert!(of(&swapped).contains("cannot be used"), "{}", of(&swapped));
}

#[test]
fn what_is_doubtful_about_files_that_can_be_used_is_noted() {
    let shelf = Shelf::new();
    let ([leaf, middle, root], key) = chain_of_three();
    let (stranger, _) = pem(&["b.example"], NOW);
    let key = shelf.write("key", &key);
    let notes = |parts: &[&String]| {
        let chain = parts.iter().map(|part| part.as_str()).collect::<String>();
        let files = Certificate { chain: shelf.write("chain", &chain), key: key.clone() };
        load(&files, &provider()).expect("the certificate comes first").notes
    };
    assert_eq!(notes(&[&leaf]), [""; 0]);
    assert_eq!(notes(&[&leaf, &middle, &root]), [""; 0]);
    for (parts, number) in
        [([&leaf, &root, &middle], 2), ([&leaf, &middle, &stranger], 3), ([&leaf, &leaf, &middle], 2)]
    {
        let found = notes(&parts);
        let expected =
            format!("certificate {number} of {} has not issued the one before it", shelf.path("chain").display());
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
    }
    shelf.open_to("key", 0o640);
    assert_eq!(notes(&[&leaf]), [""; 0], "a group may be meant");
    shelf.open_to("key", 0o644);
    let open = format!("the key of {key} can be read by everybody on this host");
    assert_eq!(notes(&[&leaf]), [open]);
    let nameless = shelf.certificate("nameless", &[], NOW);
    let notes = load(&nameless, &provider()).expect("it can be used").notes;
    assert!(notes.len() == 1 && notes[0].contains("names no host"), "{notes:?}");
}

#[test]
fn a_chain_that_begins_with_another_certificate_is_refused_with_what_to_do() {
    let shelf = Shelf::new();
    let ([leaf, middle, _], key) = chain_of_three();
    let files = Certificate { chain: shelf.write("chain", &(middle + &leaf)), key: shelf.write("key", &key) };
    let said = fault(&files);
    assert!(said.contains("is not that of the first certificate of"), "{said}");
    assert!(said.contains("put the certificate of this key first in the chain"), "{said}");
}

#[test]
fn a_file_that_may_not_be_read_says_who_has_to() {
    let shelf = Shelf::new();
    let files = shelf.certificate("site", &["a.example"], NOW);
    shelf.open_to("site.key", 0o000);
    if std::fs::File::open(&files.key).is_ok() {
        return; // Whoever runs this may read everything.
    }
    let said = fault(&files);
    assert!(said.contains("Permission denied; let the user that poised runs as read the file"), "{said}");
}
