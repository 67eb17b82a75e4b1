/work/main/benches/compare/tools/target/release/deps/origin-f0db55d99d91c36b.d: src/bin/origin.rs

/work/main/benches/compare/tools/target/release/deps/origin-f0db55d99d91c36b: src/bin/origin.rs

src/bin/origin.rs:
