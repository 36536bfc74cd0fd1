//! Compiles the studio's internal protocol with `protox`, so that no system `protoc` is needed, and digests the sources:
//! what `audit --cache` remembers holds for the program that concluded it.

use std::{
    error::Error,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["ingestion.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;

    let mut sources = DefaultHasher::new();
    for place in ["src", "Cargo.lock", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={place}");
        digest(Path::new(place), &mut sources)?;
    }
    println!("cargo:rustc-env=E2E_STORE_SOURCES={:016x}", sources.finish());
    Ok(())
}

fn digest(place: &Path, sources: &mut DefaultHasher) -> io::Result<()> {
    if !place.is_dir() {
        (place, fs::read(place)?).hash(sources);
        return Ok(());
    }
    let mut entries = fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| digest(entry, sources))
}
