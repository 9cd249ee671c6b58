//! Compiles the protobuf schema, without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["keyfold/v1/frame.proto"], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .skip_debug(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
