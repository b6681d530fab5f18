//! What `get`, `status` and `describe` say about backends, listeners, groups and findings: the
//! columns of their tables and the rows of their JSON.
//!
//! Rows are flat where scripts look most (`.backends[].health`), numbers are plain, spans carry
//! their unit in the name. Fields and columns are only ever added, columns at the end.

pub(super) mod backend;
pub(super) mod check;
pub(super) mod figures;
pub(super) mod finding;
pub(super) mod group;
pub(super) mod listener;
pub(super) mod route;
