//! The daemon in process: real sockets on loopback, scripted backends, ports of the kernel's
//! choice.

#![expect(unreachable_pub, reason = "what the modules of a test share is public to nobody else")]

#[path = "../support/backends.rs"]
mod backends;
#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/datagrams.rs"]
mod datagrams;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/multiplexed.rs"]
mod multiplexed;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/process.rs"]
mod process;
mod rig;
#[path = "../support/scene.rs"]
mod scene;
#[path = "../support/script.rs"]
mod script;
#[path = "../support/secured.rs"]
mod secured;
#[path = "../support/three_days.rs"]
mod three_days;

mod access_log;
mod boundaries;
mod descriptors;
mod durability;
mod edits;
mod failover;
mod full_disk;
mod h2;
mod hostile;
mod http;
mod journey;
mod live_edits;
mod manager;
mod probe;
mod program;
mod proxy;
mod queue;
mod random_kills;
mod recorder;
mod scenarios;
mod shim;
mod socket;
mod tcp;
mod tls;
mod udp;
mod udp_probe;
mod unix;
mod upgrade;
mod windows_killed;
