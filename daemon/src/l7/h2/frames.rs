//! Counts the frames that a client sends, to end connections that only make work.
//!
//! It reads the nine bytes in front of each frame and nothing else, and knows no connection: what a
//! verdict means is `edge`'s. What `h2` itself cuts (CONTINUATION without end, large header lists,
//! resets before a stream is taken, DATA that is empty or small) is counted there.

use super::RESETS_MAX;

/// Bytes in front of every frame (RFC 9113 §4.1).
const HEAD_LEN: usize = 9;
/// Frames that only make work that a connection may send at once: far more than any client needs.
const CREDIT_MAX: u32 = 2_000;
/// How many more it earns with every second.
const CREDIT_PER_S: u64 = 200;
/// How many it earns with the head of a request: acknowledged settings, windows, a cancellation.
const CREDIT_PER_HEAD: u32 = 4;
/// Bytes sent to it that earn one: a window is opened again after them.
const BYTES_PER_CREDIT: usize = 256;
/// Entries that fit into the table of known fields (RFC 7541 §4.1: 4,096 bytes, 38 for a short path).
const TABLE_ENTRIES_MAX: usize = 107;
/// Bytes that entries of the table may keep: each may be the last to need the buffer that it was
/// read into, so that one request for every 8 KiB makes a connection hold 890 KiB (measured).
const KEPT_BYTES_MAX: usize = 24 << 10;
/// Frames with less data than this take more memory than their data while they wait, in bytes.
const MORSEL_BYTES_MAX: usize = 256;
/// Such frames that a head forgives: messages of requests that have one or two.
const MORSELS_PER_HEAD: usize = 8;
/// More of them than are forgiven may have made the table large in which they wait.
const MORSELS_MAX: usize = 100;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;

/// What is thought of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It is used as connections are.
    #[default]
    Fair,
    /// It resets streams so often that it should begin anew.
    Weary,
    /// It does nothing but make work.
    Flood,
}

/// Follows the frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; HEAD_LEN],
    head_len: usize,
    /// Bytes of the payload, or of the preface, that are still to come.
    skip: usize,
    credit: u32,
    resets: u32,
    sent_bytes: usize,
    /// Bytes since the last head.
    apart_bytes: usize,
    /// Bytes that the table's newest entries came with, about.
    kept_bytes: usize,
    /// Small frames that are not forgiven.
    morsels: usize,
    keeps_much: bool,
    refilled_ms: u64,
    verdict: Verdict,
}

impl Frames {
    /// A connection of which so many bytes, the preface, come before the first frame.
    pub(super) fn new(preface_len: usize, now_ms: u64) -> Self {
        Self {
            head: [0; HEAD_LEN],
            head_len: 0,
            skip: preface_len,
            credit: CREDIT_MAX,
            resets: 0,
            sent_bytes: 0,
            apart_bytes: 0,
            kept_bytes: 0,
            morsels: 0,
            keeps_much: false,
            refilled_ms: now_ms,
            verdict: Verdict::Fair,
        }
    }

    /// Bytes have arrived.
    pub(super) fn received(&mut self, mut bytes: &[u8], now_ms: u64) -> Verdict {
        self.refill(now_ms);
        // Ends: every turn takes bytes.
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return self.verdict;
            }
            let wanted = (HEAD_LEN - self.head_len).min(bytes.len());
            self.head[self.head_len..self.head_len + wanted].copy_from_slice(&bytes[..wanted]);
            self.head_len += wanted;
            bytes = &bytes[wanted..];
            if self.head_len == HEAD_LEN {
                self.head_len = 0;
                self.frame();
            }
        }
    }

    /// Whether heads came so far apart, or data in so many pieces, that what is kept of them or for
    /// them may be large, for as long as the connection lives.
    pub(super) fn keeps_much(&self) -> bool {
        self.keeps_much
    }

    /// Bytes have been sent to it.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent_bytes += count;
        let earned = self.sent_bytes / BYTES_PER_CREDIT;
        self.sent_bytes %= BYTES_PER_CREDIT;
        self.earn(u32::try_from(earned).unwrap_or(u32::MAX));
    }

    fn refill(&mut self, now_ms: u64) {
        let earned = now_ms.saturating_sub(self.refilled_ms) * CREDIT_PER_S / 1_000;
        if earned > 0 {
            self.refilled_ms = now_ms;
            self.earn(u32::try_from(earned).unwrap_or(u32::MAX));
        }
    }

    fn earn(&mut self, count: u32) {
        self.credit = self.credit.saturating_add(count).min(CREDIT_MAX);
    }

    /// A head may add an entry to the table, and then the oldest goes.
    fn head(&mut self) {
        self.kept_bytes += std::mem::take(&mut self.apart_bytes);
        self.keeps_much |= self.kept_bytes > KEPT_BYTES_MAX;
        self.kept_bytes -= self.kept_bytes / TABLE_ENTRIES_MAX;
        self.morsels = self.morsels.saturating_sub(MORSELS_PER_HEAD);
    }

    /// A frame brings data and is not the last of its stream.
    fn data(&mut self, len: usize) {
        if len < MORSEL_BYTES_MAX {
            self.morsels += 1;
            self.keeps_much |= self.morsels > MORSELS_MAX;
        }
    }

    fn frame(&mut self) {
        let [len_0, len_1, len_2, kind, flags, ..] = self.head;
        let len = usize::from(len_0) << 16 | usize::from(len_1) << 8 | usize::from(len_2);
        self.skip = len;
        self.apart_bytes = self.apart_bytes.saturating_add(HEAD_LEN + len);
        match kind {
            HEADERS => {
                self.head();
                self.earn(CREDIT_PER_HEAD);
            }
            DATA => {
                if flags & END_STREAM == 0 {
                    self.data(len);
                }
                self.earn(u32::from(len > 0));
            }
            CONTINUATION => {}
            SETTINGS if flags & ACK != 0 => {}
            RST_STREAM => {
                self.resets += 1;
                if self.resets >= 2 * RESETS_MAX {
                    self.verdict = Verdict::Flood;
                } else if self.resets >= RESETS_MAX {
                    self.verdict = self.verdict.max(Verdict::Weary);
                }
            }
            // Priorities, pings, windows, and what nobody knows.
            _ => match self.credit.checked_sub(1) {
                Some(left) => self.credit = left,
                None => self.verdict = Verdict::Flood,
            },
        }
    }
}

#[cfg(test)]
mod tests;
