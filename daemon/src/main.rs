//! The program `poised`.

fn main() {}
