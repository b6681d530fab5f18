//! What the daemon said, made safe to show: every free text of it, once, before anything keeps it.

use poise_ipc::advice::Finding;
use poise_ipc::edit::Edit;
use poise_ipc::message::{Author, Commit, Forecast, LayerEnd, LayerEnded, LayerStatus, WindowStatus};
use poise_ipc::status::{CertificateStatus, Status};

use crate::safe;

/// Makes every free text safe and puts lists into the order that look-ups rely on.
pub fn status(mut status: Status) -> Status {
    let daemon = &mut status.daemon;
    daemon.host = safe::owned(std::mem::take(&mut daemon.host));
    daemon.version = safe::owned(std::mem::take(&mut daemon.version));
    daemon.config_file = daemon.config_file.take().map(safe::owned);
    for finding in &mut status.findings {
        self::finding(finding);
    }
    for certificate in &mut status.certificates {
        self::certificate(certificate);
    }
    status.window = status.window.take().map(window);
    status.layers.iter_mut().for_each(layer);
    status.layers_ended.iter_mut().for_each(ended);
    status.listeners.sort_by(|a, b| a.name.cmp(&b.name));
    status.groups.sort_by(|a, b| a.name.cmp(&b.name));
    for group in &mut status.groups {
        group.backends.sort_by(|a, b| a.name.cmp(&b.name));
        group.health_check.path = safe::owned(std::mem::take(&mut group.health_check.path));
        group.health_check.host = group.health_check.host.take().map(safe::owned);
    }
    status
}

fn certificate(certificate: &mut CertificateStatus) {
    certificate.chain = safe::owned(std::mem::take(&mut certificate.chain));
    certificate.error = certificate.error.take().map(safe::owned);
    let Some(facts) = &mut certificate.facts else { return };
    for text in [&mut facts.subject, &mut facts.issuer, &mut facts.serial, &mut facts.key_type] {
        *text = safe::owned(std::mem::take(text));
    }
    for name in &mut facts.names {
        *name = safe::owned(std::mem::take(name));
    }
}

fn finding(finding: &mut Finding) {
    for text in [&mut finding.code, &mut finding.subject, &mut finding.message, &mut finding.remedy] {
        *text = safe::owned(std::mem::take(text));
    }
}

/// A confirm window with every free text of it made safe.
pub fn window(mut window: WindowStatus) -> WindowStatus {
    author(&mut window.author);
    window.reason = window.reason.take().map(safe::owned);
    window.trouble = window.trouble.take().map(safe::owned);
    window
}

/// The same of a commit.
pub fn commit(mut commit: Commit) -> Commit {
    author(&mut commit.author);
    commit.reason = commit.reason.take().map(safe::owned);
    commit.edits.iter_mut().chain(&mut commit.inverse).for_each(edit);
    commit
}

/// The same of what a change would do.
pub fn forecast(mut forecast: Forecast) -> Forecast {
    forecast.edits.iter_mut().for_each(edit);
    forecast.findings.iter_mut().chain(&mut forecast.findings_gone).for_each(finding);
    forecast
}

/// The same of a layer.
pub fn layer(layer: &mut LayerStatus) {
    author(&mut layer.author);
    for value in &mut layer.values {
        value.path = safe::owned(std::mem::take(&mut value.path));
        value.held = safe::owned(std::mem::take(&mut value.held));
        value.configured = value.configured.take().map(safe::owned);
        value.in_force = value.in_force.take().map(safe::owned);
    }
    layer.reason = layer.reason.take().map(safe::owned);
    layer.idle = layer.idle.take().map(safe::owned);
    if let Some(ramp) = &mut layer.ramp {
        ramp.trouble = ramp.trouble.take().map(safe::owned);
    }
}

/// The same of one that has ended.
pub fn ended(ended: &mut LayerEnded) {
    layer(&mut ended.layer);
    match &mut ended.how {
        LayerEnd::Aborted { why } => *why = safe::owned(std::mem::take(why)),
        LayerEnd::Cancelled { by } => author(by),
        LayerEnd::Expired | LayerEnd::Arrived { .. } => {}
    }
}

fn author(author: &mut Author) {
    author.user = safe::owned(std::mem::take(&mut author.user));
    author.client = safe::owned(std::mem::take(&mut author.client));
}

fn edit(edit: &mut Edit) {
    let text = match edit {
        Edit::Set { path, value } => {
            *value = safe::owned(std::mem::take(value));
            path
        }
        Edit::Remove { path } => path,
    };
    *text = safe::owned(std::mem::take(text));
}
