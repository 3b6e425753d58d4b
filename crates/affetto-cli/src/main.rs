//! The `affetto` command: flags in, files out, and every word that is printed.

mod args;
mod commands;
mod failure;
mod printer;
mod resolve;
mod signals;

use std::process::ExitCode;

use affetto::Models;
use clap::{Parser, error::ErrorKind};
use serde_json::Value;

use args::{Cli, Command, Global};
use failure::{Code, Failure};
use printer::{OnTerminate, Printer};
use signals::Signals;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let on_terminate = match cli.command {
        Command::Train(_) => OnTerminate::Stop,
        _ => OnTerminate::Finish,
    };
    let signals = Signals::listen().unwrap_or_default(); // without them the command still works
    let printer = Printer::new(&cli.global, signals, on_terminate);
    let outcome = commands::run(&cli, &printer);
    printer.clear();
    match outcome {
        Ok(data) => {
            printer.envelope(&data, None);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            printer.failure(&failure);
            printer.envelope(&Value::Null, Some(&failure));
            ExitCode::from(failure.code as u8)
        }
    }
}

/// Help, the version, or what is wrong with the command line.
fn explain(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let _ = error.print(); // a closed stream cannot be told so
    if asked {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let global = Global {
            json: true,
            quiet: false,
            verbose: false,
            models: None,
        };
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        let failure = Failure::usage(first.trim_start_matches("error: "), "affetto --help");
        Printer::new(&global, Signals::default(), OnTerminate::Finish)
            .envelope(&Value::Null, Some(&failure));
    }
    ExitCode::from(Code::Usage as u8)
}

/// The models at hand: those of `--models` or `AFFETTO_MODELS` before those that are compiled in.
fn models(global: &Global) -> Result<Models, Failure> {
    let from_environment = std::env::var_os("AFFETTO_MODELS").filter(|folder| !folder.is_empty());
    let folder = global.models.clone().or(from_environment.map(Into::into));
    Ok(Models::in_folder(folder.as_deref())?)
}
