//! The command line. Everything it does lives in the library.

use std::process::ExitCode;

use clap::Parser;

// Rewritten pages allocate and free in the tens of kilobytes all the time: jemalloc needs a fifth less CPU for that than
// glibc's malloc, and with its background thread gives memory back when a rush is over.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    end_quietly_where_nobody_reads();
    punchout_proxy::command::Command::parse().run()
}

/// Whoever reads what a command prints may have seen enough (`| head`). To `println!` that is a panic; to a person it is no
/// fault, and the status is a shell's own for it. What else panics is told as ever.
fn end_quietly_where_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(128 + 13);
        }
        usual(panic);
    }));
}
