//! The vectors of specs/, where this crate lies in its repository.
#![allow(dead_code)]

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder of the vectors; None, with a line that says so, where the crate is alone.
pub fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/vectors");
    if !folder.is_dir() {
        println!("skipped: no specs/vectors beside this crate");
    }
    folder.is_dir().then_some(folder)
}

/// The files of a folder with this ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut out: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    out.retain(|path| path.extension().is_some_and(|found| found == ending));
    out.sort();
    out
}

/// Read a file; the error of JSON that cannot be held, such as half a surrogate pair.
pub fn read(path: &Path) -> serde_json::Result<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap())
}

/// The bytes of lower-case hex.
pub fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
