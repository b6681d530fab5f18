//! Whether this host has policy rules for its routes beyond those that the kernel brings along:
//! without one, no packet to a foreign address is kept here.
//!
//! Asks the kernel (rtnetlink(7)); where the rules lead is not followed.

use std::io;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// Bytes of an answer: the kernel fills no more than this.
const ANSWER_BYTES: usize = 32_768;
/// Answers that are read: one holds some 300 rules, and one rule more than usual is enough.
const ANSWERS_MAX: usize = 16;
/// The kernel answers while it is asked; this only bounds what cannot be foreseen.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// Types of messages (rtnetlink(7)): a rule, and the question for all of them.
const NEW_RULE: u16 = libc::RTM_NEWRULE;
const GET_RULE: u16 = libc::RTM_GETRULE;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const ALL: u16 = 0x301;

/// Bytes in front of a message: length, type, flags, number, sender.
const HEAD_LEN: usize = 16;
/// Bytes of a rule without its attributes: family, four more, the table, and what it does.
const RULE_LEN: usize = 12;
const TABLE_AT: usize = HEAD_LEN + 4;
const ACTION_AT: usize = HEAD_LEN + 7;

/// The rule looks into a table.
const LOOK_UP: u8 = 1;
/// Tables of rules that the kernel brings along: local, main, default, and none by name.
const OWN_TABLES: [u8; 4] = [libc::RT_TABLE_LOCAL, libc::RT_TABLE_MAIN, libc::RT_TABLE_DEFAULT, libc::RT_TABLE_UNSPEC];

/// Whether some rule of a family looks into a table of the operator's.
///
/// # Errors
/// Those of the system: it has no rules, or does not tell.
pub(super) fn has_policy(family: AddressFamily) -> io::Result<bool> {
    // Routing is what netlink is about where nothing else is named.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WAIT))?;
    send(&socket, &question(family)?, SendFlags::empty())?;
    let mut bytes = vec![0; ANSWER_BYTES];
    for _ in 0..ANSWERS_MAX {
        let (len, _) = recv(&socket, &mut bytes[..], RecvFlags::empty())?;
        match read(&bytes[..len]) {
            Told::Policy => return Ok(true),
            Told::End => return Ok(false),
            Told::More => {}
        }
    }
    Ok(true)
}

fn question(family: AddressFamily) -> io::Result<Vec<u8>> {
    let len = u32::try_from(HEAD_LEN + RULE_LEN).map_err(io::Error::other)?;
    let family = u8::try_from(family.as_raw()).map_err(io::Error::other)?;
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend([GET_RULE.to_ne_bytes(), ALL.to_ne_bytes()].concat());
    // Number and sender are the kernel's to choose.
    bytes.extend([0; 8]);
    bytes.push(family);
    bytes.resize(HEAD_LEN + RULE_LEN, 0);
    Ok(bytes)
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// There is such a rule.
    Policy,
    /// There was none in this one.
    More,
    /// There are no more rules, or the kernel has none to tell.
    End,
}

fn read(mut bytes: &[u8]) -> Told {
    while let (Some(len), Some(kind)) = (bytes.first_chunk(), bytes.get(4..).and_then(|rest| rest.first_chunk())) {
        let len = usize::try_from(u32::from_ne_bytes(*len)).unwrap_or(usize::MAX);
        let Some(message) = bytes.get(..len).filter(|message| message.len() >= HEAD_LEN) else { return Told::End };
        match u16::from_ne_bytes(*kind) {
            NEW_RULE if is_policy(message) => return Told::Policy,
            NEW_RULE => {}
            // The end of the list, or an error, which is one too.
            _ => return Told::End,
        }
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Told::More
}

fn is_policy(rule: &[u8]) -> bool {
    rule.get(ACTION_AT) == Some(&LOOK_UP) && rule.get(TABLE_AT).is_some_and(|table| !OWN_TABLES.contains(table))
}

#[cfg(test)]
mod tests;
