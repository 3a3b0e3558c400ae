//! `deadheat replicate`: measures tasks that another process of this program hands out, on one core of this machine.

mod opening;

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
    match (&args.plan, &args.site) {
        (Some(plan), _) if args.clean => opening::remove(plan, interrupt)?,
        (Some(plan), _) => {
            let tasks = serve::tasks(interrupt);
            let Ok(task) = tasks.recv() else {
                return Ok(ExitCode::Done);
            };
            let (site, _lock) = opening::open(plan, installation, interrupt)?;
            Slot::open(&site, installation, Pinning::Quietest, interrupt)?.answer(&task)?;
        }
        (None, Some(site)) => {
            let tasks = serve::tasks(interrupt);
            let site = Site::read(site)?;
            let pinning = Pinning::asked(false, args.cpu);
            let mut slot = Slot::open(&site, installation, pinning, interrupt)?;
            for task in tasks {
                slot.answer(&task)?;
            }
        }
        (None, None) => unreachable!("clap demands a plan or a site"),
    }
    Ok(ExitCode::Done)
}
