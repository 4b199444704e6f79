//! Where the examples are that were built with the tests.

use std::path::{Path, PathBuf};

/// The program of an example: examples lie beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("the target folder");
    let path = folder
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{} is not built: `cargo test` builds it, `cargo build --examples` does too",
        path.display()
    );
    path
}
