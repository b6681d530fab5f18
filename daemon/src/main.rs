//! The program `poised`. Everything is in the library, where tests and the demo reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    poised::main_from(std::env::args_os())
}
