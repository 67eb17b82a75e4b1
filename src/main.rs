//! The command line. Everything it does lives in the library.

use std::process::ExitCode;

use clap::Parser;

// Rewritten pages allocate and free in the tens of kilobytes all the time: jemalloc needs a fifth less CPU for that than
// glibc's malloc, and with its background thread gives memory back when a rush is over.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    punchout_proxy::command::Command::parse().run()
}
