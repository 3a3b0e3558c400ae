//! The state of the user's checkout, as the loop's next steps need it.

use deadheat_core::answers::Checkout;

use crate::git::Git;

pub(crate) fn checkout(git: &Git) -> anyhow::Result<Checkout> {
    let head = git.commit("HEAD")?;
    let is_clean = match head {
        Some(_) => git.uncommitted_paths()?.is_empty(),
        None => true,
    };
    Ok(Checkout {
        head,
        subject: git
            .line(["log", "--max-count=1", "--format=%s", "HEAD"])
            .ok()
            .flatten()
            .unwrap_or_default(),
        is_clean,
        is_merging: git.is_stopped_half_way(),
    })
}
