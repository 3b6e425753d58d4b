use clap::CommandFactory;
use serde_json::{Value, json};

use crate::{
    args::{Cli, Completions},
    failure::Failure,
    printer::Printer,
};

/// `affetto completions`
pub fn run(args: &Completions, printer: &Printer) -> Result<Value, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "affetto", &mut script);
    let script = String::from_utf8_lossy(&script);
    printer.data(script.trim_end());
    Ok(json!({ "script": script }))
}
