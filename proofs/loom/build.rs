//! Tells `src/sync.rs` to use loom.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cfg=inflight_loom");
}
