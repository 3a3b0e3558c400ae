//! The functions that changed between two refs of a repository, read from git's objects alone: `bench/finder/speed.py` times it.
//!
//! `changed_functions REPOSITORY BASE HEAD` prints how many targets of each kind there are, as JSON.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use deadheat_core::model::PerSide;
use deadheat_core::source::{self, ChangedFile};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [repository, base, head] = arguments.as_slice() else {
        return Err(Error::other("usage: changed_functions REPOSITORY BASE HEAD"));
    };
    let blobs = PerSide::new(python_files(repository, base)?, python_files(repository, head)?);
    let mut changed: Vec<&String> = blobs
        .base
        .keys()
        .chain(blobs.head.keys())
        .filter(|path| blobs.base.get(*path) != blobs.head.get(*path))
        .collect();
    changed.sort();
    changed.dedup();
    let wanted =
        |side: &BTreeMap<String, String>| changed.iter().map(|path| side.get(*path).cloned()).collect();
    let base_blobs = Blobs::read(repository, wanted(&blobs.base))?;
    let head_blobs = Blobs::read(repository, wanted(&blobs.head))?;
    let contents = base_blobs.zip(head_blobs);
    let files = changed
        .iter()
        .zip(contents)
        .map(|(path, (base, head))| ChangedFile {
            path: (*path).clone(),
            base,
            head,
        });
    let changes = source::compare(files, std::thread::available_parallelism()?.get());
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for target in &changes.targets {
        let kind = target
            .change
            .map_or("same".to_owned(), |change| change.to_string());
        *kinds.entry(kind).or_default() += 1;
    }
    let answer = serde_json::json!({
        "files": changed.len(),
        "functions": kinds,
        "outside": changes.outside.len(),
        "refused": changes.syntax_errors.len(),
    });
    writeln!(std::io::stdout(), "{answer}")
}

/// The blobs of a ref's Python files, by path; links aside.
fn python_files(repository: &str, reference: &str) -> Result<BTreeMap<String, String>> {
    let output = Command::new("git")
        .args(["-C", repository, "ls-tree", "-r", "-z", reference])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(Error::other(format!("git cannot list {reference}")));
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let entries = listing.split('\0').filter_map(|entry| {
        let (kind, path) = entry.split_once('\t')?;
        let blob = kind.strip_prefix("100").and_then(|kind| kind.split(' ').nth(2))?;
        path.ends_with(".py").then(|| (path.to_owned(), blob.to_owned()))
    });
    Ok(entries.collect())
}

/// The contents of blobs, one by one in their order.
struct Blobs {
    git: Child,
    answers: BufReader<ChildStdout>,
    wanted: std::vec::IntoIter<Option<String>>,
}

impl Blobs {
    fn read(repository: &str, wanted: Vec<Option<String>>) -> Result<Self> {
        let mut git = Command::new("git")
            .args(["-C", repository, "cat-file", "--batch", "--buffer"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut requests = git.stdin.take().expect("stdin is piped");
        let names: String = wanted.iter().flatten().flat_map(|blob| [blob, "\n"]).collect();
        // Beside the reading: git writes before it has read everything. What git does not read, it does not answer.
        std::thread::spawn(move || requests.write_all(names.as_bytes()));
        Ok(Blobs {
            answers: BufReader::new(git.stdout.take().expect("stdout is piped")),
            git,
            wanted: wanted.into_iter(),
        })
    }

    fn next_content(&mut self) -> Result<Vec<u8>> {
        let mut header = String::new();
        self.answers.read_line(&mut header)?;
        let size = header
            .trim_end()
            .rsplit(' ')
            .next()
            .and_then(|size| size.parse().ok());
        let size: usize = size.ok_or_else(|| Error::other(format!("git says {header:?}")))?;
        let mut content = vec![0; size + 1];
        self.answers.read_exact(&mut content)?;
        content.pop();
        Ok(content)
    }
}

impl Iterator for Blobs {
    type Item = Option<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let wanted = self.wanted.next()?;
        Some(wanted.map(|blob| {
            self.next_content()
                .unwrap_or_else(|error| panic!("{blob}: {error}"))
        }))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        let _ = self.git.wait();
    }
}
