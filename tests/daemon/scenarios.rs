//! One test per behaviour that poise promises, named after its id: real sockets on loopback, counted
//! at the backends.

mod addresses;
mod balance;
mod drains;
mod real_client;
mod source;
mod standby;
