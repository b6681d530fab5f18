//! What a connection may do, from who is at its other end.
//!
//! Credentials come from the kernel, never from the client. A connection can only step down from
//! what is decided here. Called at accept.

use poise_ipc::message::{Author, Role};
use poise_ipc::transport::Peer;

use super::accounts::Accounts;

/// The groups whose members may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Members may change the configuration.
    pub operate: String,
    /// Members may read, through the view-only socket.
    pub view: String,
    /// Members may do everything.
    pub admin: Option<String>,
}

impl Default for Groups {
    fn default() -> Self {
        Self { operate: "poise".to_owned(), view: "poise-view".to_owned(), admin: None }
    }
}

/// Which socket a connection came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The main socket.
    Main,
    /// The view-only one.
    View,
}

/// The role of a peer. Whoever the file system let in may read.
pub(super) fn role(peer: Peer, door: Door, own_uid: u32, accounts: &Accounts, groups: &Groups) -> Role {
    let is_in = |group: &str| accounts.is_member(peer.uid, peer.gid, group);
    if door == Door::View {
        Role::View
    } else if peer.uid == 0 || peer.uid == own_uid || groups.admin.as_deref().is_some_and(is_in) {
        Role::Admin
    } else if is_in(&groups.operate) {
        Role::Operate
    } else {
        Role::View
    }
}

/// The peer as history and audit name it.
pub(super) fn author(peer: Peer, accounts: &Accounts) -> Author {
    let user = accounts.user(peer.uid).map_or_else(|| peer.uid.to_string(), str::to_owned);
    Author::new(peer.uid, user, peer.pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_daemons_user_are_admins_and_only_on_the_main_socket() {
        let peer = |uid| Peer { uid, gid: 9, pid: 1 };
        let none = Accounts::default();
        assert_eq!(role(peer(0), Door::Main, 500, &none, &Groups::default()), Role::Admin);
        assert_eq!(role(peer(500), Door::Main, 500, &none, &Groups::default()), Role::Admin);
        assert_eq!(role(peer(501), Door::Main, 500, &none, &Groups::default()), Role::View);
        assert_eq!(role(peer(0), Door::View, 500, &none, &Groups::default()), Role::View);
        assert_eq!(role(peer(500), Door::View, 500, &none, &Groups::default()), Role::View);
    }

    #[test]
    fn an_author_without_a_name_goes_by_number() {
        let author = author(Peer { uid: 77, gid: 1, pid: 3 }, &Accounts::default());
        assert_eq!(author, Author::new(77, "77", 3));
    }
}
