/work/main/benches/compare/tools/target/release/deps/relay-b5c7d08b65d49ea9.d: src/bin/relay.rs

/work/main/benches/compare/tools/target/release/deps/relay-b5c7d08b65d49ea9: src/bin/relay.rs

src/bin/relay.rs:
