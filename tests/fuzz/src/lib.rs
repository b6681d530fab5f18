//! What the fuzz targets of the data path do with bytes, one function per target.
//!
//! Each asserts what must hold for any bytes and says what they came to, so that the suite can show
//! which outcomes the seeds of a target reach (`tests/seeds.rs`). It keeps no state and finds no
//! input: libFuzzer does, or the suite.

mod bodies;
mod messages;
mod places;
mod routes;

pub use bodies::{chunk, framing};
pub use messages::{request, response};
pub use places::{Walk, cookie, forwarded, proxy_header};
pub use routes::{Spelling, normal};
