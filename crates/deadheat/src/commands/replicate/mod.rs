//! `deadheat replicate`: measures tasks that another process of this program hands out, on one core of this machine.

use crate::Installation;
use crate::cli::args::ReplicateArgs;
use crate::distribute::serve::{self, Slot};
use crate::distribute::site::Site;
use crate::error::ExitCode;
use crate::system::cpu_pinning::Pinning;
use crate::system::interrupt::Interrupt;

pub(crate) fn run(
    args: &ReplicateArgs,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let tasks = serve::tasks(interrupt);
    let pinning = Pinning::asked(false, args.cpu);
    let Some(site) = &args.site else {
        unreachable!("clap demands a plan or a site")
    };
    let site = Site::read(site)?;
    let mut slot = Slot::open(&site, installation, pinning, interrupt)?;
    for line in tasks {
        slot.answer(&line)?;
    }
    Ok(ExitCode::Done)
}
