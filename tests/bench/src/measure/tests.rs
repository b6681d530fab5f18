//! The kernel's files, as text and as this very process has them.

use std::process;

use super::{cpu_ns, memory_bytes, proportional_bytes, ran_ns, tree};

#[test]
fn time_is_the_first_number() {
    assert_eq!(ran_ns("6245193 12 40\n"), Some(6_245_193));
    assert_eq!(ran_ns(""), None);
    assert_eq!(ran_ns("x 1"), None);
}

#[test]
fn memory_is_the_proportional_line_in_bytes() {
    let text = "5580-7ffd ---p 00000000 00:00 0 [rollup]\nRss:   3000 kB\nPss:   2048 kB\nPss_Dirty: 9 kB\n";
    assert_eq!(proportional_bytes(text), Some(2_097_152));
    assert_eq!(proportional_bytes("Rss: 3000 kB\n"), None);
    assert_eq!(proportional_bytes("Pss: many kB\n"), None);
}

#[test]
fn this_process_uses_time_and_memory() {
    let id = process::id();
    assert_eq!(tree(id)[0], id);
    assert!(cpu_ns(id).is_ok_and(|ns| ns > 0));
    assert!(memory_bytes(id).is_ok_and(|bytes| bytes > 0));
}
