//! A number for the words of this build: bincode carries no names, so two builds may use it with each
//! other only where their message types are the same. It is made from the sources of those types.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// What holds no words that travel.
const SILENT: [&str; 4] = ["client", "transport", "tests", "frame"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    let mut files = Vec::new();
    gather(Path::new("src"), &mut files)?;
    files.sort();
    let mut sum: u32 = 0x811c_9dc5;
    for file in files {
        for byte in fs::read(file)? {
            // FNV-1a.
            sum = (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    // 0 is what builds say that know nothing of this.
    println!("cargo::rustc-env=POISE_WORDS={}", sum.max(1));
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|stem| SILENT.iter().any(|silent| stem == *silent)) {
            continue;
        }
        if path.is_dir() {
            gather(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
