use clap::CommandFactory;
use serde_json::{Value, json};

use crate::{
    args::{Cli, Man},
    failure::Failure,
    printer::Printer,
};

/// `affetto man`
pub fn run(args: &Man, printer: &Printer) -> Result<Value, Failure> {
    let failed = |source| Failure::write(&args.folder, &source);
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)?;
    printer.data(&args.folder.display().to_string());
    Ok(json!({ "folder": args.folder }))
}
