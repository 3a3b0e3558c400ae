//! The machines that measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::PerSide;

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Machine {
    pub system: String,
    /// The release of the kernel, of the machines of a run on several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    pub architecture: String,
    pub processor: Option<String>,
    pub cores: usize,
    /// The core that both sides ran on.
    pub pinned_core: Option<usize>,
    /// The cores that they moved to together, because others used the pinned one.
    #[serde(default)]
    pub later_cores: Vec<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Python {
    pub path: String,
    pub version: String,
    pub implementation: String,
    pub pytest: String,
}

/// One of several machines that measured replicates of a run.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct MeasuringMachine {
    /// Its address, or its core.
    pub name: String,
    pub machine: Machine,
    pub python: PerSide<Python>,
    /// The number of its kind, from 0, in the order in which the kinds appear.
    pub kind: u32,
    /// The process pairs that count.
    pub replicates: usize,
    /// Set if its results are unlike those of the other machines of its kind: its replicates do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier: Option<Outlier>,
}

/// The distance of an outlier from the other machines of its kind.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Outlier {
    /// Its head/base as a ratio to that of the other machines.
    pub ratio: f64,
    /// The ends of the ratio's interval.
    pub lower: f64,
    pub upper: f64,
    /// The process pairs that were set aside.
    pub replicates: usize,
}

/// The properties that machines of one kind share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineKind<'a> {
    architecture: &'a str,
    processor: Option<&'a str>,
    /// The implementation and the version.
    python: PerSide<(&'a str, &'a str)>,
}

/// Returns the kind of a machine: its architecture, its processor and its interpreters, not its kernel.
pub fn kind_of<'a>(machine: &'a Machine, python: &'a PerSide<Python>) -> MachineKind<'a> {
    MachineKind {
        architecture: &machine.architecture,
        processor: machine.processor.as_deref(),
        python: python
            .as_ref()
            .map(|python| (python.implementation.as_str(), python.version.as_str())),
    }
}

/// Returns the number of a machine's kind among machines whose kinds are numbered: that of an equal one, or the next.
pub fn kind_among(machines: &[MeasuringMachine], machine: &Machine, python: &PerSide<Python>) -> u32 {
    let kind = kind_of(machine, python);
    let same = |other: &&MeasuringMachine| kind_of(&other.machine, &other.python) == kind;
    match machines.iter().find(same) {
        Some(other) => other.kind,
        None => machines
            .iter()
            .map(|other| other.kind.saturating_add(1))
            .max()
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_and_interpreter_decide_about_the_kind_and_the_kernel_does_not() {
        let machine = |kernel: &str, processor: &str| Machine {
            system: "linux".to_owned(),
            kernel: Some(kernel.to_owned()),
            architecture: "x86_64".to_owned(),
            processor: Some(processor.to_owned()),
            cores: 2,
            pinned_core: None,
            later_cores: Vec::new(),
        };
        let python = |version: &str| {
            PerSide::same(Python {
                version: version.to_owned(),
                ..Python::default()
            })
        };
        let mut machines: Vec<MeasuringMachine> = Vec::new();
        for (machine, python) in [
            (machine("6.1", "EPYC"), python("3.12.1")),
            (machine("6.8", "EPYC"), python("3.12.1")),
            (machine("6.8", "Xeon"), python("3.12.1")),
            (machine("6.8", "Xeon"), python("3.12.2")),
            (machine("6.8", "EPYC"), python("3.12.1")),
        ] {
            machines.push(MeasuringMachine {
                name: String::new(),
                kind: kind_among(&machines, &machine, &python),
                machine,
                python,
                replicates: 0,
                outlier: None,
            });
        }
        let kinds: Vec<u32> = machines.iter().map(|machine| machine.kind).collect();
        assert_eq!(kinds, [0, 0, 1, 2, 0]);
    }
}
