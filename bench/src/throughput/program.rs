//! Runs a program, such as pgbench, that measures by itself.

use std::error::Error;
use std::process::Command;

/// What the program prints. It must succeed.
pub fn told_by(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    let [told, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match output.status.success() {
        true => Ok(told),
        false => Err(format!("{} failed: {told}{errors}", command.get_program().display()).into()),
    }
}
