//! What an earlier process has counted, in cells of its own beside those of the workers.
//!
//! A process that takes over goes on where the one before stood, and follows it while that one drains:
//! totals only ever grow. Gauges are not carried: what is open there is not open here.

use poise_ipc::status::{BackendCounters, ListenerCounters, RouteCounters};

use super::{BackendLive, ListenerLive, RouteLive};

impl BackendLive {
    /// An earlier process has counted so much in all.
    pub fn carry(&self, counted: &BackendCounters) {
        let Some(cells) = self.workers.last() else { return };
        cells.picks.raise(counted.picks_total);
        cells.pinned.raise(counted.pinned_total);
        cells.connections.raise(counted.connections_total);
        for (cell, &count) in cells.responses.iter().zip(&counted.responses_total) {
            cell.raise(count);
        }
        cells.connect_failures.raise(counted.connect_failures_total);
        cells.failures.raise(counted.failures_total);
        cells.bytes_out.raise(counted.bytes_out_total);
        cells.bytes_in.raise(counted.bytes_in_total);
        cells.causes.raise(&counted.causes);
    }
}

impl ListenerLive {
    /// An earlier process has counted so much in all.
    pub fn carry(&self, counted: &ListenerCounters) {
        let Some(cells) = self.workers.last() else { return };
        cells.connections.raise(counted.connections_total);
        cells.requests.raise(counted.requests_total);
        cells.bytes_in.raise(counted.bytes_in_total);
        cells.bytes_out.raise(counted.bytes_out_total);
        for (cell, &count) in cells.responses.iter().zip(&counted.responses_total) {
            cell.raise(count);
        }
        cells.datagrams_in.raise(counted.datagrams_in_total);
        cells.datagrams_out.raise(counted.datagrams_out_total);
        cells.datagrams_dropped.raise(counted.datagrams_dropped_total);
        cells.flows_moved.raise(counted.flows_moved_total);
        cells.lines_dropped.raise(counted.access_log_dropped_total);
        cells.persistence.raise(&counted.persistence);
        cells.handshakes.raise(counted.tls.handshakes_total);
        cells.resumed.raise(counted.tls.resumed_total);
        for &(failure, count) in &counted.tls.failures_total {
            cells.handshake_failures[failure as usize].raise(count);
        }
        cells.causes.raise(&counted.causes);
    }
}

impl RouteLive {
    /// An earlier process has counted so much in all.
    pub fn carry(&self, counted: &RouteCounters) {
        let Some(cells) = self.workers.last() else { return };
        // What is under way there is not under way here.
        cells.done.raise(counted.requests_total);
        cells.requests.raise(counted.requests_total);
        cells.bytes_in.raise(counted.bytes_in_total);
        cells.bytes_out.raise(counted.bytes_out_total);
        for (cell, &count) in cells.responses.iter().zip(&counted.responses_total) {
            cell.raise(count);
        }
        cells.persistence.raise(&counted.persistence);
        cells.causes.raise(&counted.causes);
    }
}

#[cfg(test)]
mod tests;
