//! Pipes are bounded, lent again only when empty, and missed by nobody.

use super::*;

#[test]
fn no_more_pipes_are_lent_than_allowed_and_empty_ones_return() {
    let pipes = Pipes::new(2);
    let (first, second) = (pipes.take(0).expect("the first"), pipes.take(0).expect("the second"));
    assert!(pipes.take(0).is_none());
    pipes.give(first);
    let again = pipes.take(0).expect("the first again");
    assert_eq!(pipes.made.get(), 2);
    drop((again, second));
    assert_eq!(pipes.made.get(), 0, "dropped pipes are closed and may be made anew");
    assert!(pipes.take(0).is_some());
}

#[test]
fn a_pipe_with_bytes_inside_is_never_lent_again() {
    let pipes = Pipes::new(1);
    let mut pipe = pipes.take(0).expect("a pipe");
    rustix::io::write(&pipe.ends().write, b"left over").expect("an empty pipe takes it");
    pipe.held_bytes = 9;
    pipes.give(pipe);
    let fresh = pipes.take(0).expect("a new one");
    let found = rustix::io::read(&fresh.ends().read, &mut [0_u8; 16]);
    assert_eq!(found, Err(rustix::io::Errno::AGAIN), "nothing is inside");
}
