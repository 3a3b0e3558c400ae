//! `deadheat slurm`: the script that submits a comparison as an array of SLURM, and the job that merges its parts.

use std::path::Path;

use deadheat_core::model::{Part, PerSide, Revision};
use deadheat_core::report::quoted;
use deadheat_core::text::{plain, short_commit};

use crate::cli::args::SlurmArgs;
use crate::cli::options::CompareOptions;
use crate::cli::values::Partition;
use crate::commands::common::context::StartingPoint;
use crate::commands::compare;
use crate::config::settings::CompareSettings;
use crate::error::{ExitCode, Failure};
use crate::report::load;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

/// The options of `compare` that the script has in another form: the refs as commits, the outputs for the merged report.
const REPLACED: [&str; 4] = ["refs", "baseline", "last_kept", "output"];

pub(crate) fn run(args: SlurmArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let mut words = args.compare;
    if let Some((name, why)) = words.refused() {
        return Err(
            Failure::usage(format!("deadheat slurm: {name} cannot be used here"))
                .hint(why)
                .into(),
        );
    }
    let typed = words.without(&REPLACED).cloned().collect();
    let outputs = words.args.run.report.output.clone();
    words.args.partition = Some(Partition::This(Part {
        number: 1,
        of: args.parts,
    }));
    let options = CompareOptions::new(*words.args, folder.to_owned())?;
    if options.outputs.stdout_is_taken() {
        return Err(Failure::usage("deadheat slurm: -o - cannot be used here")
            .hint("the job that merges the parts has no terminal: name a file")
            .into());
    }
    let StartingPoint { limits, git, config } = StartingPoint::open(&options.sides, interrupt)?;
    let settings = CompareSettings::merge(&options, None, &config, git.top())?;
    if let Some(file) = &options.balance {
        load::read_costs(file, "--balance")?;
    }
    let revisions = compare::resolve_for(&git, &settings, &config, &limits)?;
    let submission = Submission {
        started_in: folder.display().to_string(),
        folder: args.folder.unwrap_or_else(|| default_folder(&revisions)),
        parts: args.parts,
        minutes: minutes(options.sides.timeout.as_secs_f64()),
        revisions,
        typed,
        outputs,
    };
    terminal::print(submission.script()?.as_bytes())?;
    Ok(ExitCode::Done)
}

/// Every pair of commits has a folder, so that the parts of another comparison are never merged.
fn default_folder(PerSide { base, head }: &PerSide<Revision>) -> String {
    format!(
        "deadheat-{}-{}",
        short_commit(&base.commit),
        short_commit(&head.commit)
    )
}

/// Returns the time limit of a task: deadheat ends by its own timeout, and then writes the report.
fn minutes(timeout: f64) -> u64 {
    (timeout / 60.0).ceil() as u64 + 2
}

/// An array of jobs, and the one that merges.
struct Submission {
    started_in: String,
    folder: String,
    parts: u32,
    minutes: u64,
    revisions: PerSide<Revision>,
    /// The words for `deadheat compare`.
    typed: Vec<String>,
    /// The outputs of the merged report.
    outputs: Vec<String>,
}

impl Submission {
    fn script(&self) -> Result<String, Failure> {
        let all = [&self.started_in, &self.folder].into_iter();
        let mut all = all.chain(&self.typed).chain(&self.outputs);
        // It might end a part of the script.
        if let Some(word) = all.find(|word| word.contains(['\n', '\r', '\0'])) {
            return Err(Failure::usage(format!(
                "deadheat slurm: {} has a line break",
                plain(word)
            )));
        }
        if self.folder.contains(['%', '\\']) {
            return Err(Failure::usage(format!(
                "--folder {}: sbatch reads % and \\ as its own",
                self.folder
            ))
            .hint("choose another name"));
        }
        let PerSide { base, head } = &self.revisions;
        let named =
            |revision: &Revision| format!("{} ({})", plain(&revision.name), short_commit(&revision.commit));
        let (folder, of) = (quoted(&self.folder), self.parts);
        let words: Vec<String> = self
            .typed
            .iter()
            .map(|word| format!(" {}", quoted(word)))
            .collect();
        let outputs: Vec<String> = self
            .outputs
            .iter()
            .map(|output| format!(" -o {}", quoted(output)))
            .collect();
        Ok(format!(
            r#"#!/bin/sh
# Compares {base} with {head} in {of} tasks of a SLURM array, and merges their reports.
#
#   sh THIS_FILE [OPTIONS OF SBATCH]     such as --account=NAME --partition=NAME --time=MINUTES
#   sh THIS_FILE --wait                  also waits, and ends with the exit code of the merged report
#   sh THIS_FILE --array=3               measures part 3 again, and merges again
#
# All nodes need this folder, the repository, deadheat and the project's Python at the same paths. A part has two cores,
# one of them to measure on. Jobs on other cores of the node can widen the intervals: --exclusive keeps them away.
set -eu
cd {started_in}
mkdir -p {folder}

parts=$(sbatch --parsable --job-name=deadheat --array=1-{of} --ntasks=1 --cpus-per-task=2 --hint=nomultithread \
    --time={minutes} --output={folder}/part-%a.log "$@" <<'END_OF_PART'
#!/bin/sh
report={folder}/part-$SLURM_ARRAY_TASK_ID-of-{of}.json
rm -f "$report"
# 1 is a gate in this part only: the merged report decides.
deadheat compare {base_commit} {head_commit}{words} --partition "$SLURM_ARRAY_TASK_ID/{of}" -o "json:$report" || [ $? -eq 1 ]
END_OF_PART
) || [ -n "$parts" ]
# afterany: if a part fails, the others are merged, and the report says which one is missing.
merge=$(sbatch --parsable --job-name=deadheat-merge --dependency="afterany:${{parts%%;*}}" --ntasks=1 --time=10 \
    --output={folder}/merge.log "$@" <<'END_OF_MERGE'
#!/bin/sh
deadheat merge {folder}/part-*-of-{of}.json -o json:{folder}/all.json{outputs}
END_OF_MERGE
) || code=$?
[ -n "$merge" ] || exit "$code"
echo "parts: job ${{parts%%;*}}; merged report: job ${{merge%%;*}}," {folder}/all.json
exit "${{code:-0}}"
"#,
            base = named(base),
            head = named(head),
            base_commit = base.commit,
            head_commit = head.commit,
            started_in = quoted(&self.started_in),
            minutes = self.minutes,
            words = words.concat(),
            outputs = outputs.concat(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Args, CommandArgs};

    fn submission() -> Submission {
        let revision = |name: &str, commit: &str| Revision {
            name: name.to_owned(),
            commit: commit.repeat(40),
            dirty: false,
        };
        let revisions = PerSide::new(revision("main", "a"), revision("HEAD", "b"));
        Submission {
            started_in: "/home/it's/project".to_owned(),
            folder: default_folder(&revisions),
            parts: 8,
            minutes: minutes(600.0),
            revisions,
            typed: vec!["-k".to_owned(), "a or b".to_owned()],
            outputs: vec!["all.html".to_owned()],
        }
    }

    #[test]
    fn the_script_measures_the_commits_in_parts_and_merges_them() {
        let script = submission().script().unwrap();
        let (base, head) = ("a".repeat(40), "b".repeat(40));
        for line in [
            "# Compares main (aaaaaaaaaa) with HEAD (bbbbbbbbbb) in 8 tasks of a SLURM array, and merges their reports.",
            "cd \"/home/it's/project\"",
            &format!(
                "deadheat compare {base} {head} -k 'a or b' --partition \"$SLURM_ARRAY_TASK_ID/8\" -o \"json:$report\" \
                 || [ $? -eq 1 ]"
            ),
            "deadheat merge deadheat-aaaaaaaaaa-bbbbbbbbbb/part-*-of-8.json -o json:deadheat-aaaaaaaaaa-bbbbbbbbbb/all.json -o \
             all.html",
        ] {
            assert!(script.lines().any(|known| known == line), "{line}\n{script}");
        }
        assert!(script.contains(" --array=1-8 ") && script.contains(" --time=12 "));
    }

    #[test]
    fn words_that_would_break_the_script_are_refused() {
        let with = |change: fn(&mut Submission)| {
            let mut submission = submission();
            change(&mut submission);
            submission.script().map_err(|failure| failure.message)
        };
        assert!(with(|submission| submission.typed.push("a\nEND_OF_PART".to_owned())).is_err());
        assert!(with(|submission| submission.folder = "100%a".to_owned()).is_err());
        // A name of a ref stands in a comment.
        let script = with(|submission| submission.revisions.base.name = "a\nrm -rf".to_owned()).unwrap();
        assert!(!script.contains("\nrm -rf"), "{script}");
    }

    #[test]
    fn the_options_of_compare_are_passed_on_as_typed() {
        let words = "deadheat slurm main HEAD --parts 4 -o all.html -kparse --all --pytest-arg=--slow \
                     --pytest-arg=-x --threshold 5% --balance old.json --folder out -q";
        let CommandArgs::Slurm(args) = Args::parse_from(words.split_whitespace()).command else {
            panic!("it is `slurm`");
        };
        let mut kept: Vec<&String> = args.compare.without(&REPLACED).collect();
        let expected =
            "--all --balance old.json -k parse --pytest-arg=--slow --pytest-arg=-x --threshold 5% --quiet";
        let mut expected: Vec<&str> = expected.split(' ').collect();
        kept.sort();
        expected.sort();
        assert_eq!(kept, expected);
        assert_eq!((args.parts, args.folder.as_deref()), (4, Some("out")));
    }
}
