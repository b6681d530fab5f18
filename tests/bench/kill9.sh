#!/bin/sh
# Kills poised right after, and in the middle of, acknowledged edits: 200 rounds each, or as many
# as the first argument says. The rounds are those of tests/daemon/durability.rs.
set -eu
cd "$(dirname "$0")/../.."
POISE_KILL_ROUNDS="${1:-200}" cargo test --release -p poised --test daemon durability -- --nocapture
