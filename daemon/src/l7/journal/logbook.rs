//! What a worker needs to write its access log: the ring to the writer, a buffer for one line, and
//! the count of the requests that got an id.

use std::cell::{Cell, RefCell};

use poise_core::journal::RequestId;
use poise_core::plan::ListenerId;

use crate::access_log::Bell;
use crate::records::lines::LineSender;

/// A worker's part of the access log.
pub(crate) struct Logbook {
    lines: RefCell<LineSender>,
    bell: Bell,
    line: RefCell<Vec<u8>>,
    process: u32,
    worker: u8,
    count: Cell<u64>,
}

impl Logbook {
    /// Of worker `index`, in a process that drew this number.
    pub(crate) fn new(index: usize, process: u32, lines: LineSender, bell: Bell) -> Self {
        Self {
            lines: RefCell::new(lines),
            bell,
            line: RefCell::default(),
            process,
            worker: u8::try_from(index & 0xff).unwrap_or_default(),
            count: Cell::new(0),
        }
    }

    /// An id that no other request has.
    pub(crate) fn id(&self) -> RequestId {
        let count = self.count.get();
        self.count.set(count.wrapping_add(1));
        RequestId::new(self.process, self.worker, count)
    }

    /// Hands a line of a listener to the writer; false when it was lost.
    pub(super) fn write(&self, listener: ListenerId, render: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut line = self.line.borrow_mut();
        line.clear();
        render(&mut line);
        let sent = self.lines.borrow_mut().send(listener, &line);
        self.bell.ring();
        sent
    }
}
