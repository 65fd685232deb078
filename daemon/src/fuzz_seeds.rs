//! The seeds of `fuzz/`, thrown at the same functions with the ordinary toolchain: what fuzzing starts
//! from stays good, and what it has found stays mended.

use std::path::Path;

/// Calls `target` with every seed of that name.
pub(crate) fn replay(name: &str, target: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(seeds).expect("a directory of seeds") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a seed");
        // Shown where one fails.
        println!("{}", path.display());
        target(&bytes);
        count += 1;
    }
    assert!(count > 0, "no seeds of {name}");
}
