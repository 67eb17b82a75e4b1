/work/main/benches/compare/tools/target/release/origin: /work/main/benches/compare/tools/src/bin/origin.rs
