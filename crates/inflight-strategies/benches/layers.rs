//! What a call costs behind each strategy, beside peers. They and the counting allocator live in a workspace of their own,
//! `bench/strategies`: nobody needs them to build or test anything else. This builds and runs it.

use std::{path::Path, process::Command};

fn main() {
    // `cargo test --benches` asks for nothing to be measured.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/strategies/Cargo.toml");
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    // Both programs: one of them counts allocations.
    let build = ["build", "--release", "--locked", "--quiet", "--bins", "--manifest-path"];
    assert!(command.args(build).arg(&manifest).status().expect("cargo starts").success());
    let program = manifest.with_file_name("target/release/strategies-bench");
    let status = Command::new(program).args(arguments).status().expect("it was built");
    std::process::exit(status.code().unwrap_or(1));
}
