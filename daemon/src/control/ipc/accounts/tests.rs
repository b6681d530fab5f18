//! Membership as the machine's files state it, odd lines included.

use super::*;

fn accounts() -> Accounts {
    let users = "root:x:0:0:root:/root:/bin/bash\n\
                 # a comment:x:7:7::/:\n\
                 broken\n\
                 odd:x:many:few::/:\n\
                 ops:x:1000:1000:Operator:/home/ops:/bin/sh\n\
                 lead:x:1001:200::/:\n\
                 guest:x:1002:1002::/:\n";
    let groups = "root:x:0:\nshort:x\npoise:x:200:audit, ops\npoise-view:x:201:guest\nodd:x:many:ops\n";
    Accounts { users: users.to_owned(), groups: groups.to_owned() }
}

#[test]
fn users_and_groups_are_found_by_number_and_name() {
    let accounts = accounts();
    assert_eq!(accounts.user(0), Some("root"));
    assert_eq!(accounts.user(1001), Some("lead"));
    assert_eq!(accounts.user(7), None, "a comment is no user");
    assert_eq!(accounts.group("poise"), Some(200));
    assert_eq!(accounts.group("short"), None);
    assert_eq!(accounts.group("odd"), None);
}

#[test]
fn a_member_is_listed_or_has_it_as_primary_or_present_group() {
    let accounts = accounts();
    assert!(accounts.is_member(1000, 1000, "poise"), "listed");
    assert!(accounts.is_member(1001, 200, "poise"), "present group");
    assert!(accounts.is_member(1001, 5, "poise"), "primary group of the user");
    assert!(accounts.is_member(4242, 200, "poise"), "a user that the file does not know");
    assert!(!accounts.is_member(1002, 1002, "poise"), "member of another group");
    assert!(accounts.is_member(1002, 1002, "poise-view"));
    assert!(!accounts.is_member(1000, 1000, "missing"));
    assert!(!accounts.is_member(1000, 1000, "poise-view"));
}

#[test]
fn a_part_of_a_name_is_no_member() {
    let accounts = Accounts { users: "op:x:5:5::/:\n".to_owned(), groups: "poise:x:200:ops,top,opera\n".to_owned() };
    assert!(!accounts.is_member(5, 5, "poise"));
}

#[test]
fn files_that_are_missing_give_no_rights() {
    assert_eq!(read(Path::new("/nonexistent/group")), "");
    assert!(!Accounts::default().is_member(0, 0, "poise"));
}
