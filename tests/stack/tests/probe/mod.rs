//! The path of the tests' function.

use std::path::PathBuf;

/// The binary of `examples/probe.rs`, which cargo builds with the tests.
pub(crate) fn probe() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().unwrap().parent().unwrap();
    let binary = built.join("examples").join(format!("probe{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.is_file(), "the probe is not built: cargo build -p stack --examples");
    binary
}
