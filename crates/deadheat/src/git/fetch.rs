//! Commits that this repository lacks.

use crate::git::{Git, split_nul};

impl Git {
    pub(crate) fn has_commit(&self, commit: &str) -> anyhow::Result<bool> {
        let answer = self.ask(["cat-file", "-e", &format!("{commit}^{{commit}}")])?;
        Ok(answer.stdout.is_some())
    }

    /// Returns the address of the remote that is the repository `owner/name` on a server, if there is one.
    pub(crate) fn url_of(&self, full_name: &str) -> anyhow::Result<Option<String>> {
        let answer = self.ask(["config", "--null", "--get-regexp", r"^remote\..*\.url$"])?;
        let wanted = full_name.to_lowercase();
        let listing = answer.stdout.unwrap_or_default();
        let mut urls = split_nul(&listing).filter_map(|entry| Some(entry.split_once('\n')?.1.to_owned()));
        Ok(urls.find(|url| {
            let url = url.trim_end_matches('/').to_lowercase();
            let name = url.strip_suffix(".git").unwrap_or(&url);
            let before = name.strip_suffix(&wanted);
            before.is_some_and(|before| before.ends_with(['/', ':']))
        }))
    }

    /// Fetches commits with everything they need, but no refs. A shallow clone stays shallow.
    pub(crate) fn fetch_commits(&self, url: &str, commits: &[&str]) -> anyhow::Result<()> {
        let mut arguments = vec![
            // This comes after the user's own helpers.
            "-c",
            "credential.helper=!gh auth git-credential",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-prune-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
        ];
        if self.is_shallow()? {
            arguments.push("--depth=1");
        }
        arguments.extend(["--", url]);
        arguments.extend(commits);
        self.run(arguments).map(|_| ())
    }
}
