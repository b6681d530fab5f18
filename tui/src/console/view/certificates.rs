//! The screen Certificates: one line each, the one that ends first on top, with the days that it
//! has left.

use std::ops::Range;

use poise_ipc::status::CertificateStatus;

use super::canvas::Canvas;
use super::theme::Role;
use crate::console::layout::{self, Area};
use crate::console::state::State;

/// Columns: name, width, terminal width from which on it is shown. Days are right-aligned.
const COLUMNS: [(&str, u16, u16); 6] = [
    ("CERTIFICATE", 16, 0),
    ("DAYS LEFT", 11, 0),
    ("LISTENERS", 16, 44),
    ("KEY", 13, 100),
    ("ISSUER", 24, 76),
    ("NAMES", u16::MAX, 60),
];
/// The column of days.
const DAYS: usize = 1;

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
    let parts = layout::health(state.size.0, state.size.1);
    let Some(model) = &state.model else {
        canvas.text(parts.list, (1, 0), "waiting for the daemon", Role::Muted);
        return None;
    };
    let mut certificates: Vec<_> = model.status().certificates.iter().collect();
    certificates.sort_by_key(|certificate| (certificate.days_left, &certificate.name));
    if certificates.is_empty() {
        canvas.text(parts.list, (1, 0), "no certificate is configured", Role::Muted);
        return None;
    }
    cells(canvas, (parts.summary, 0), &COLUMNS.map(|(name, ..)| name.to_owned()), [Role::Muted; 2]);
    let mut line = 0;
    for certificate in certificates.into_iter().skip(state.certificates_top) {
        cells(canvas, (parts.list, line), &texts(certificate), [Role::Plain, role(certificate)]);
        line += 1;
        if let Some(error) = &certificate.error {
            canvas.text(parts.list, (3, line), error, Role::Fail);
            line += 1;
        }
    }
    None
}

fn texts(certificate: &CertificateStatus) -> [String; 6] {
    let facts = certificate.facts.clone().unwrap_or_default();
    let listeners: Vec<_> = certificate.listeners.iter().map(poise_ipc::Name::as_str).collect();
    [
        certificate.name.to_string(),
        certificate.days_left.map_or_else(|| "-".to_owned(), |days| days.to_string()),
        if listeners.is_empty() { "unused".to_owned() } else { listeners.join(" ") },
        facts.key_type,
        facts.issuer,
        facts.names.join(" "),
    ]
}

/// How much its days matter: as the findings have it.
fn role(certificate: &CertificateStatus) -> Role {
    match certificate.days_left {
        None | Some(..2) => Role::Fail,
        Some(2..=30) => Role::Warn,
        Some(_) => Role::Ok,
    }
}

fn cells(canvas: &mut Canvas<'_>, (area, line): (Area, u16), texts: &[String; 6], [role, days]: [Role; 2]) {
    let mut at = 1;
    for (number, ((_, width, from), text)) in COLUMNS.iter().zip(texts).enumerate() {
        if area.width < *from {
            continue;
        }
        if number == DAYS {
            canvas.right(area, (at + width - 2, line), text, days);
        } else {
            let cell = Area { width: at.saturating_add(width - 1).min(area.width), ..area };
            canvas.text(cell, (at, line), text, role);
        }
        at = at.saturating_add(*width);
    }
}
