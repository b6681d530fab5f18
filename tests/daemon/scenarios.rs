//! One test per behaviour that poise promises, named after its id: real sockets on loopback, counted
//! at the backends.

mod addresses;
mod agreement;
mod balance;
mod bounds;
mod causes;
mod client_address;
mod cookies;
mod datagrams;
mod drains;
mod entries;
mod figures;
mod forecast;
mod health;
mod imbalance;
mod limits;
mod passive;
mod protocols;
mod proxies;
mod real_client;
mod routes;
mod scene;
mod source;
mod standby;
mod standing;
mod transparent;
