//! The state of the user's checkout, as the loop's next steps need it.

use deadheat_core::answers::Checkout;

use crate::git::Git;

pub(crate) fn checkout(git: &Git) -> anyhow::Result<Checkout> {
    Ok(Checkout {
        head: git.commit("HEAD")?,
        subject: git
            .line(["log", "--max-count=1", "--format=%s", "HEAD"])
            .ok()
            .flatten()
            .unwrap_or_default(),
        is_clean: git.uncommitted_paths()?.is_empty(),
    })
}
