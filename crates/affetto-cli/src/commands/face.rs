//! `affetto face`

use affetto::Models;
use serde_json::Value;

use super::make::carry_out;
use crate::{args::Face, failure::Failure, printer::Printer, resolve};

/// `affetto face`
pub fn run(what: &Face, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let Face::Edit(args) = what;
    carry_out(&resolve::face(args)?, args.dry_run, models, printer)
}
