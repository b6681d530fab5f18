//! Findings on certificates: those that expire soon, have expired or could not be read, and roots
//! that could not.
//!
//! The daemon hands over what it knows of them; a file alone says nothing of their days.

use super::{Finding, Severity};
use crate::name::Name;
use crate::status::CertificateStatus;

/// Days before the end at which is warned, the last warning first.
pub const EXPIRY_DAYS: [i64; 3] = [1, 7, 30];

/// The findings on certificates in use.
pub fn expiries(certificates: &[CertificateStatus]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for certificate in certificates {
        let subject = format!("certificates.{}", certificate.name);
        if let Some(error) = &certificate.error {
            let (severity, used) = match certificate.facts {
                Some(_) => (Severity::Warning, "the one that was read before stays in use"),
                None => (Severity::Severe, "nobody gets it"),
            };
            let finding = Finding::new(severity, "certificate-unusable", subject.clone());
            let remedy = format!("mend its files, then poise certificates reload {}", certificate.name);
            findings.push(finding.says(format!("{error}; {used}")).remedy(remedy));
        }
        findings.extend(certificate.notes.iter().map(|note| {
            let finding = Finding::new(Severity::Warning, "certificate-doubtful", subject.clone()).says(note);
            finding.remedy(format!("mend its files, then poise certificates reload {}", certificate.name))
        }));
        findings.extend(certificate.days_left.and_then(|days_left| expiry(certificate, subject, days_left)));
    }
    findings
}

/// The finding on a group whose roots could not be read.
pub fn unrooted(group: &Name, why: &str) -> Finding {
    let finding = Finding::new(Severity::Severe, "roots-unusable", format!("groups.{group}.tls.ca"));
    finding.says(format!("{why}; no backend is believed")).remedy("mend the file, then poise certificates reload")
}

fn expiry(certificate: &CertificateStatus, subject: String, days_left: i64) -> Option<Finding> {
    let (severity, code, message) = match days_left {
        ..0 => (Severity::Severe, "certificate-expired", "it has expired: clients refuse it".to_owned()),
        0 => (Severity::Severe, "certificate-expires", "it expires within a day".to_owned()),
        1 => (Severity::Severe, "certificate-expires", "it expires in 1 day".to_owned()),
        2..=7 => (Severity::Warning, "certificate-expires", format!("it expires in {days_left} days")),
        8..=30 => (Severity::Note, "certificate-expires", format!("it expires in {days_left} days")),
        _ => return None,
    };
    let remedy = format!("renew it, then poise certificates reload {}", certificate.name);
    Some(Finding::new(severity, code, subject).says(message).remedy(remedy))
}

#[cfg(test)]
mod tests;
