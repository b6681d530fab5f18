//! Users and groups of the machine: what `getgrouplist(3)` says of local accounts.
//!
//! Read from `/etc/passwd` and `/etc/group` at each connection, so that a new member needs no
//! restart. Accounts that only a directory service knows are not seen here: their primary group,
//! which the kernel tells, still counts. Called by the roles of the control socket.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes read of each file; accounts behind it are not found.
const ACCOUNTS_LEN_MAX: u64 = 4 << 20;

/// The text of both files at one moment.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: String,
    groups: String,
}

impl Accounts {
    /// Reads the machine's files; one that cannot be read counts as empty.
    pub(super) fn read() -> Self {
        Self { users: read(Path::new("/etc/passwd")), groups: read(Path::new("/etc/group")) }
    }

    /// Name of a user.
    pub(super) fn user(&self, uid: u32) -> Option<&str> {
        self.passwd(uid).map(|(name, _)| name)
    }

    /// Number of a group.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        lines(&self.groups).find(|(found, _)| *found == name)?.1.split(':').nth(1)?.parse().ok()
    }

    /// Whether a user belongs to a group: by being listed, by the user's primary group, or by the
    /// group `gid` that the process has now.
    pub(super) fn is_member(&self, uid: u32, gid: u32, group: &str) -> bool {
        let Some(number) = self.group(group) else { return false };
        let (user, primary) = self.passwd(uid).unzip();
        gid == number || primary == Some(number) || user.is_some_and(|user| self.lists(group, user))
    }

    /// Name and primary group of a user.
    fn passwd(&self, uid: u32) -> Option<(&str, u32)> {
        lines(&self.users).find_map(|(name, rest)| {
            let mut fields = rest.split(':').skip(1).map(str::parse::<u32>);
            let (found, group) = (fields.next()?.ok()?, fields.next()?.ok()?);
            (found == uid).then_some((name, group))
        })
    }

    fn lists(&self, group: &str, user: &str) -> bool {
        let members = |rest: &str| rest.split(':').nth(2).is_some_and(|all| all.split(',').any(|m| m.trim() == user));
        lines(&self.groups).any(|(name, rest)| name == group && members(rest))
    }
}

/// Name and remaining fields of each entry.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'))
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(ACCOUNTS_LEN_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        tracing::warn!(path = %path.display(), reason = %error, "accounts cannot be read, their members get no role");
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
