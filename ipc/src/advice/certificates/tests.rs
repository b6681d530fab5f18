//! When the end of a certificate is told, and how gravely.

use super::*;

fn of(days_left: i64) -> Option<(Severity, String)> {
    let certificate = CertificateStatus {
        name: "site".parse().expect("a name"),
        chain: String::new(),
        facts: None,
        days_left: Some(days_left),
        loaded_ms: 0,
        error: None,
        listeners: Vec::new(),
    };
    let finding = expiries(&[certificate]).pop()?;
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
