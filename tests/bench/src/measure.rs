//! What a process tree has used: CPU time and proportional memory, as the kernel accounts it.
//!
//! Time comes from `schedstat`, which counts nanoseconds per thread; time of threads that have
//! ended is not in it, so proxies are measured with threads that stay. Called by `round` and
//! `child`.

use std::fs;

/// A process and its descendants, parents first. What ends meanwhile is left out.
pub(crate) fn tree(id: u32) -> Vec<u32> {
    let mut found = vec![id];
    let mut at = 0;
    while let Some(id) = found.get(at).copied() {
        at += 1;
        for task in tasks(id) {
            let children = fs::read_to_string(format!("/proc/{id}/task/{task}/children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

/// CPU time of a process and its descendants so far, in nanoseconds.
///
/// # Errors
/// When the kernel does not account it.
pub(crate) fn cpu_ns(id: u32) -> Result<u64, String> {
    let mut times_ns = Vec::new();
    for process in tree(id) {
        // A thread that has just ended has no file any more.
        let read = |task| fs::read_to_string(format!("/proc/{process}/task/{task}/schedstat")).ok();
        times_ns.extend(tasks(process).into_iter().filter_map(read).filter_map(|text| ran_ns(&text)));
    }
    if times_ns.is_empty() {
        return Err(format!("process {id} has ended, or this kernel has no /proc/PID/task/*/schedstat"));
    }
    Ok(times_ns.iter().sum())
}

/// Proportional set size of a process and its descendants, in bytes.
///
/// # Errors
/// When the kernel does not tell.
pub(crate) fn memory_bytes(id: u32) -> Result<u64, String> {
    let mut total_bytes = 0;
    for process in tree(id) {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = fs::read_to_string(&path).map_err(|fault| format!("read {path}: {fault}"))?;
        total_bytes += proportional_bytes(&text).ok_or_else(|| format!("{path} names no Pss"))?;
    }
    Ok(total_bytes)
}

fn tasks(id: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The first number of `schedstat`: time on a core.
fn ran_ns(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The line `Pss:` of `smaps_rollup`, which counts in KiB.
fn proportional_bytes(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests;
