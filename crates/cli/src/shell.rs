//! `unnoise completions` and `unnoise man`: the arguments as shells and manuals want them.

use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use crate::Result;

#[derive(clap::Args)]
pub struct Completions {
    /// For which shell
    shell: Shell,
}

#[derive(clap::Args)]
pub struct Man {
    /// Folder for the pages of all commands; without it, the first is printed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub fn completions(args: &Completions, mut command: Command) -> Result<ExitCode> {
    clap_complete::generate(args.shell, &mut command, "unnoise", &mut stdout());
    Ok(ExitCode::SUCCESS)
}

pub fn man(args: &Man, command: Command) -> Result<ExitCode> {
    match &args.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            clap_mangen::generate_to(command, folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        None => clap_mangen::Man::new(command).render(&mut stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}
