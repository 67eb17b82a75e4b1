/work/main/benches/compare/tools/target/release/relay: /work/main/benches/compare/tools/src/bin/relay.rs
