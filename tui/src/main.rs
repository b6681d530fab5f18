//! The program `poise`. Everything is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    poise::run(std::env::args_os())
}
