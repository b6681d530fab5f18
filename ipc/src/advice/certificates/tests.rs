//! When the end of a certificate is told, and how gravely.

use super::*;

fn site(days_left: i64) -> CertificateStatus {
    CertificateStatus {
        name: "site".parse().expect("a name"),
        chain: String::new(),
        facts: None,
        days_left: Some(days_left),
        loaded_ms: 0,
        error: None,
        listeners: Vec::new(),
        notes: Vec::new(),
    }
}

fn of(days_left: i64) -> Option<(Severity, String)> {
    let finding = expiries(&[site(days_left)]).pop()?;
    assert_eq!(finding.subject, "certificates.site");
    Some((finding.severity, finding.code))
}

#[test]
fn the_end_is_told_30_days_before_it_and_more_gravely_at_7_and_1() {
    let found = |severity| Some((severity, "certificate-expires".to_owned()));
    assert_eq!(of(31), None);
    for (days, severity) in [
        (30, Severity::Note),
        (8, Severity::Note),
        (7, Severity::Warning),
        (2, Severity::Warning),
        (1, Severity::Severe),
    ] {
        assert_eq!(of(days), found(severity), "{days}");
    }
    assert_eq!(of(0), found(Severity::Severe), "some hours are left");
    assert_eq!(of(-1), Some((Severity::Severe, "certificate-expired".to_owned())));
}

#[test]
fn what_is_doubtful_about_the_files_is_told() {
    let notes = vec!["the key of /k can be read by everybody on this host".to_owned(), "it names no host".to_owned()];
    let found = expiries(&[CertificateStatus { notes: notes.clone(), ..site(99) }]);
    assert_eq!(found.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>(), notes);
    assert!(found.iter().all(|f| (f.code.as_str(), f.severity) == ("certificate-doubtful", Severity::Warning)));
}
