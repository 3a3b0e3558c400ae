//! `--partition auto`: the part of the suite that the variables of a CI system or of an array job tell.

use deadheat_core::model::Part;

use crate::cli::values::Partition;
use crate::error::Failure;

/// The variables that number the jobs which one system starts for the same command.
struct Numbering {
    system: &'static str,
    index: &'static str,
    /// The index of the first job.
    first: u64,
    total: &'static str,
    /// The way to set the total, if the system does not.
    total_is_set_by: Option<&'static str>,
}

/// As their documentation says:
/// - GitLab, "Predefined CI/CD variables reference": without `parallel`, the index is not set;
/// - CircleCI, "Project values and variables": from 0 to the total minus 1;
/// - Buildkite, "Environment variables": from 0;
/// - Kubernetes, "Indexed Job for Parallel Processing": the number of pods is not passed to them;
/// - AWS Batch, "Job environment variables": from 0, "the size of the parent array job".
const NUMBERINGS: [Numbering; 5] = [
    Numbering {
        system: "GitLab",
        index: "CI_NODE_INDEX",
        first: 1,
        total: "CI_NODE_TOTAL",
        total_is_set_by: None,
    },
    Numbering {
        system: "CircleCI",
        index: "CIRCLE_NODE_INDEX",
        first: 0,
        total: "CIRCLE_NODE_TOTAL",
        total_is_set_by: None,
    },
    Numbering {
        system: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        first: 0,
        total: "BUILDKITE_PARALLEL_JOB_COUNT",
        total_is_set_by: None,
    },
    Numbering {
        system: "Kubernetes",
        index: "JOB_COMPLETION_INDEX",
        first: 0,
        total: "JOB_COMPLETIONS",
        total_is_set_by: Some(
            "Kubernetes does not set it: give the container this variable, with the job's `completions`",
        ),
    },
    Numbering {
        system: "AWS Batch",
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        first: 0,
        total: "AWS_BATCH_JOB_ARRAY_SIZE",
        total_is_set_by: None,
    },
];

/// The variables of a task in a SLURM array ("Job Array Support"): its id, which may begin anywhere, and those of the
/// whole array.
const SLURM: &str = "SLURM_ARRAY_TASK_ID";
const SLURM_ARRAY: [&str; 4] = [
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_MAX",
    "SLURM_ARRAY_TASK_STEP",
    "SLURM_ARRAY_TASK_COUNT",
];

const HINT: &str = "write the part itself, --partition I/N; in a matrix of GitHub it is \
                    ${{ matrix.part }}/${{ strategy.job-total }}";

/// A part, and the variables that tell it if it was not typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundPart {
    pub(super) part: Part,
    pub(super) by: Option<String>,
}

/// Returns the part as typed, or the one that this process's variables tell.
pub(super) fn find(partition: Partition) -> Result<FoundPart, Failure> {
    match partition {
        Partition::This(part) => Ok(FoundPart { part, by: None }),
        Partition::Auto => {
            let (part, by) = told_by(&|name| std::env::var(name).ok())
                .map_err(|why| Failure::usage(format!("--partition auto: {why}")).hint(HINT))?;
            Ok(FoundPart { part, by: Some(by) })
        }
    }
}

/// Returns the part that the variables tell, and their names. A variable without text counts as not set.
fn told_by(variable: &dyn Fn(&str) -> Option<String>) -> Result<(Part, String), String> {
    let number = |name: &str| -> Result<Option<u64>, String> {
        let text = variable(name).filter(|text| !text.trim().is_empty());
        let parse = |text: String| {
            let number = text.trim().parse();
            number.map_err(|_| format!("{name} is `{text}`, which is not a whole number"))
        };
        text.map(parse).transpose()
    };
    let mut told = Vec::new();
    for numbering in &NUMBERINGS {
        if let Some(index) = number(numbering.index)? {
            told.push(numbered(numbering, index, number(numbering.total)?)?);
        }
    }
    if let Some(id) = number(SLURM)? {
        let mut array = [0; 4];
        for (value, name) in array.iter_mut().zip(SLURM_ARRAY) {
            *value = number(name)?.ok_or_else(|| format!("{SLURM} is set, and {name} is not"))?;
        }
        told.push(task_of_array(id, array)?);
    }
    let Some(((part, by), others)) = told.split_first() else {
        let known = NUMBERINGS.iter().map(|one| (one.index, one.system));
        let known = known.chain([(SLURM, "SLURM")]);
        let known: Vec<String> = known.map(|(name, system)| format!("{name} ({system})")).collect();
        return Err(format!("none of these variables is set: {}", known.join(", ")));
    };
    if others.iter().any(|(other, _)| other != part) {
        let parts: Vec<String> = told.iter().map(|(part, by)| format!("{part} by {by}")).collect();
        return Err(format!(
            "the variables tell different parts: {}",
            parts.join("; ")
        ));
    }
    Ok((*part, by.clone()))
}

fn numbered(numbering: &Numbering, index: u64, total: Option<u64>) -> Result<(Part, String), String> {
    let Numbering {
        system,
        index: name,
        first,
        total: total_name,
        total_is_set_by,
    } = numbering;
    let Some(total) = total else {
        let how = total_is_set_by.map_or(String::new(), |how| format!(". {how}"));
        return Err(format!("{name} is set, and {total_name} is not{how}"));
    };
    let by = format!("{name} and {total_name}");
    let wrong = || format!("{name} is {index} of {total}, and {system} counts from {first}");
    let position = index.checked_sub(*first).ok_or_else(wrong)?;
    let part = part(position, total).ok_or_else(wrong)?;
    Ok((part, by))
}

fn task_of_array(id: u64, [min, max, step, count]: [u64; 4]) -> Result<(Part, String), String> {
    let by = format!("{SLURM} and {}", SLURM_ARRAY.join(", "));
    let steps = max.checked_sub(min).and_then(|range| range.checked_div(step));
    // An array is told by its ends and its number of tasks only.
    if steps.and_then(|steps| steps.checked_add(1)) != Some(count) {
        return Err(format!(
            "the SLURM array has {count} tasks from {min} to {max} with gaps, in which the place of task {id} is \
             unknown: submit a range, as in --array=1-{count}"
        ));
    }
    let position = id.checked_sub(min).map(|distance| distance / step);
    let found = position.and_then(|position| part(position, count));
    let wrong = || format!("{SLURM} is {id}, in an array of {count} tasks from {min}");
    Ok((found.ok_or_else(wrong)?, by))
}

/// Returns the part at a position from 0; `None` if there is none.
fn part(position: u64, of: u64) -> Option<Part> {
    let part = Part {
        number: u32::try_from(position.checked_add(1)?).ok()?,
        of: u32::try_from(of).ok()?,
    };
    part.is_sound().then_some(part)
}

#[cfg(test)]
mod tests {
    use super::told_by;

    /// Returns the answer to variables that are written as in a shell.
    fn told(variables: &str) -> Result<String, String> {
        let set: Vec<(&str, &str)> = variables
            .split(' ')
            .filter_map(|variable| variable.split_once('='))
            .collect();
        let value = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        told_by(&value).map(|(part, by)| format!("{part} by {by}"))
    }

    fn array(id: u32, min: u32, max: u32, step: u32, count: u32) -> String {
        format!(
            "SLURM_ARRAY_TASK_ID={id} SLURM_ARRAY_TASK_MIN={min} SLURM_ARRAY_TASK_MAX={max} \
             SLURM_ARRAY_TASK_STEP={step} SLURM_ARRAY_TASK_COUNT={count}"
        )
    }

    #[test]
    fn every_system_tells_its_parts() {
        for (variables, expected) in [
            (
                "CI_NODE_INDEX=2 CI_NODE_TOTAL=4",
                "2/4 by CI_NODE_INDEX and CI_NODE_TOTAL",
            ),
            (
                "CI_NODE_INDEX=4 CI_NODE_TOTAL=4",
                "4/4 by CI_NODE_INDEX and CI_NODE_TOTAL",
            ),
            (
                "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=4",
                "1/4 by CIRCLE_NODE_INDEX and CIRCLE_NODE_TOTAL",
            ),
            (
                "CIRCLE_NODE_INDEX=3 CIRCLE_NODE_TOTAL=4",
                "4/4 by CIRCLE_NODE_INDEX and CIRCLE_NODE_TOTAL",
            ),
            (
                "BUILDKITE_PARALLEL_JOB=1 BUILDKITE_PARALLEL_JOB_COUNT=4",
                "2/4 by BUILDKITE_PARALLEL_JOB and BUILDKITE_PARALLEL_JOB_COUNT",
            ),
            (
                "JOB_COMPLETION_INDEX=1 JOB_COMPLETIONS=4",
                "2/4 by JOB_COMPLETION_INDEX and JOB_COMPLETIONS",
            ),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10",
                "10/10 by AWS_BATCH_JOB_ARRAY_INDEX and AWS_BATCH_JOB_ARRAY_SIZE",
            ),
        ] {
            assert_eq!(told(variables).as_deref(), Ok(expected), "{variables}");
        }
    }

    #[test]
    fn tasks_of_an_array_are_numbered_from_its_first_id() {
        // As slurmctld 22.05 sets them for --array=1-4, 0-6:2, 5 and 10-12.
        for ((id, min, max, step, count), expected) in [
            ((3, 1, 4, 1, 4), "3/4"),
            ((0, 0, 6, 2, 4), "1/4"),
            ((6, 0, 6, 2, 4), "4/4"),
            ((5, 5, 5, 1, 1), "1/1"),
            ((11, 10, 12, 1, 3), "2/3"),
        ] {
            let answer = told(&array(id, min, max, step, count)).unwrap();
            assert_eq!(answer.split(' ').next(), Some(expected));
        }
        // For --array=1,3,7, and for --array=2,4,6, whose step is not told.
        for (id, min, max) in [(3, 1, 7), (4, 2, 6)] {
            let message = told(&array(id, min, max, 1, 3)).unwrap_err();
            assert!(message.contains("with gaps"), "{message}");
            assert!(
                message.ends_with("submit a range, as in --array=1-3"),
                "{message}"
            );
        }
        assert!(told(&array(1, 1, 4, 0, 4)).is_err());
        assert!(told(&array(9, 1, 4, 1, 4)).is_err());
        assert_eq!(
            told("SLURM_ARRAY_TASK_ID=1").unwrap_err(),
            "SLURM_ARRAY_TASK_ID is set, and SLURM_ARRAY_TASK_MIN is not"
        );
    }

    #[test]
    fn jobs_that_are_no_part_are_refused() {
        for (variables, expected) in [
            // GitLab sets the total in every job.
            (
                "CI_NODE_TOTAL=1",
                "none of these variables is set: CI_NODE_INDEX (GitLab), ",
            ),
            (
                "CI_NODE_INDEX= CI_NODE_TOTAL=",
                "none of these variables is set: ",
            ),
            (
                "CI_NODE_INDEX=1",
                "CI_NODE_INDEX is set, and CI_NODE_TOTAL is not",
            ),
            (
                "CI_NODE_INDEX=0 CI_NODE_TOTAL=4",
                "CI_NODE_INDEX is 0 of 4, and GitLab counts from 1",
            ),
            (
                "CIRCLE_NODE_INDEX=4 CIRCLE_NODE_TOTAL=4",
                "CIRCLE_NODE_INDEX is 4 of 4, and CircleCI counts from 0",
            ),
            (
                "CI_NODE_INDEX=x CI_NODE_TOTAL=4",
                "CI_NODE_INDEX is `x`, which is not a whole number",
            ),
            (
                "CI_NODE_INDEX=1 CI_NODE_TOTAL=-4",
                "CI_NODE_TOTAL is `-4`, which is not a whole number",
            ),
            (
                "JOB_COMPLETION_INDEX=1",
                "JOB_COMPLETION_INDEX is set, and JOB_COMPLETIONS is not. Kubernetes does not set it: ",
            ),
        ] {
            let message = told(variables).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_job_within_a_job_must_be_the_same_part() {
        let gitlab = "CI_NODE_INDEX=2 CI_NODE_TOTAL=4";
        let message = told(&format!("{gitlab} {}", array(3, 1, 4, 1, 4))).unwrap_err();
        let words =
            "the variables tell different parts: 2/4 by CI_NODE_INDEX and CI_NODE_TOTAL; 3/4 by SLURM_ARRAY";
        assert!(message.starts_with(words), "{message}");
        assert!(told(&format!("{gitlab} {}", array(2, 1, 4, 1, 4))).is_ok());
        // Half of another system's variables does not tell the part, but may be meant to.
        assert!(told(&format!("{gitlab} JOB_COMPLETION_INDEX=0")).is_err());
    }
}
