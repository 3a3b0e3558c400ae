//! Prepares the worktrees so that their code can run: an interpreter with the right dependencies, and the
//! compiled parts.

pub(crate) mod binaries;
pub(crate) mod builds;
pub(crate) mod env_vars;
pub(crate) mod import_hints;
pub(crate) mod interpreter;
pub(crate) mod venvs;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use deadheat_core::dependencies::DependencyChange;
use deadheat_core::model::{Environments, PerSide, Revision, Side, WarningCode};

use crate::Installation;
use crate::config::settings::SideSettings;
use crate::error::Failure;
use crate::events::Events;
use crate::git::Git;
use crate::git::submodules::Present;
use crate::prepare::builds::{Build, Made, content_of};
use crate::prepare::interpreter::Interpreter;
use crate::prepare::venvs::{Installer, Venv, VenvSpec};
use crate::project::changes::Changes;
use crate::project::extension_modules::ExtensionModules;
use crate::project::layout::ProjectLayout;
use crate::system::command::Deadline;
use crate::system::files;

/// The worktrees to prepare, and the inputs of that.
pub(crate) struct Preparation<'a> {
    pub(crate) git: &'a Git,
    pub(crate) installation: &'a Installation,
    pub(crate) project: &'a ProjectLayout,
    pub(crate) checkouts: PerSide<&'a Path>,
    pub(crate) revisions: &'a PerSide<Revision>,
    /// The project's interpreter, from which environments are also created.
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) variables: BTreeMap<OsString, OsString>,
    /// Paths at which the worktrees may differ from their commits.
    pub(crate) laid_over: BTreeSet<String>,
    /// Paths that differ between the refs.
    pub(crate) changed: &'a BTreeSet<String>,
    /// The submodules in the worktrees.
    pub(crate) submodules: &'a PerSide<Vec<Present>>,
    /// Whether the user wants to keep PYTHONPATH even if each side has its own environment.
    pub(crate) keeps_python_path: bool,
    /// The run's folder in the cache.
    pub(crate) scratch: &'a Path,
    pub(crate) limits: Deadline,
    pub(crate) settings: &'a SideSettings,
    pub(crate) events: &'a dyn Events,
}

/// The interpreters and variables that the sides' workers are started with.
pub(crate) struct Prepared {
    pub(crate) interpreters: PerSide<Interpreter>,
    pub(crate) variables: PerSide<BTreeMap<OsString, OsString>>,
    /// The environments, which no other run removes while they are held.
    _environments: Vec<Venv>,
}

/// The largest number of packages that a warning names.
const MOST_NAMED: usize = 8;

impl Preparation<'_> {
    pub(crate) fn prepare(
        self,
        differences: &Changes,
        compiled: Option<&ExtensionModules>,
    ) -> anyhow::Result<Prepared> {
        let prepared = match self.settings.environment {
            Environments::Shared => {
                self.warn_of_dependencies(differences)?;
                Prepared {
                    interpreters: PerSide::new(self.interpreter.clone(), self.interpreter.clone()),
                    variables: PerSide::new(self.variables.clone(), self.variables.clone()),
                    _environments: Vec::new(),
                }
            }
            Environments::PerRef => self.environments(differences)?,
        };
        if let Some(command) = self.settings.build.as_deref() {
            self.build(command, &prepared.interpreters)?;
        }
        match compiled {
            Some(compiled) => self.see_to_compiled_part(compiled, &prepared.interpreters)?,
            None if self.settings.build.is_none() => warn_of_compiled_sources(differences, self.events),
            None => {}
        }
        Ok(prepared)
    }

    fn environments(&self, differences: &Changes) -> anyhow::Result<Prepared> {
        let installer = Installer::find(&self.variables, &self.interpreter.path);
        let requirements = &self.settings.requirements;
        let recipes = PerSide::new(Side::Base, Side::Head).map(|side| VenvSpec {
            side,
            folder: self.checkouts.get(side).join(&self.project.folder),
            worktree: self.checkouts.get(side),
            commit: &self.revisions.get(side).commit,
            python: self.interpreter,
            installer: &installer,
            requirements,
            variables: &self.variables,
            probe: self.installation.worker_file("probe.py"),
        });
        self.check_requirements(&recipes)?;
        let environments = if recipes.base.key()? == recipes.head.key()? {
            vec![self.environment(&recipes.base, "both sides")?]
        } else {
            let PerSide { base, head } = &recipes;
            vec![self.environment(base, "base")?, self.environment(head, "head")?]
        };
        let of_side = match environments.as_slice() {
            [base, head] => {
                self.compare_installed(base, head, differences)?;
                PerSide::new(base, head)
            }
            _ => {
                self.events
                    .note("both revisions declare the same dependencies: one environment serves both");
                PerSide::new(&environments[0], &environments[0])
            }
        };
        Ok(Prepared {
            interpreters: of_side.map(|environment| environment.interpreter.clone()),
            // The keys in their paths have equal length, and so have the variables of both sides.
            variables: of_side.map(|environment| self.variables_within(&environment.folder)),
            _environments: environments,
        })
    }

    fn check_requirements(&self, recipes: &PerSide<VenvSpec<'_>>) -> Result<(), Failure> {
        for side in Side::BOTH {
            let lacks = |name: &&String| !recipes.get(side).folder.join(name).is_file();
            if let Some(name) = self.settings.requirements.iter().find(lacks) {
                return Err(Failure::usage(format!(
                    "--requirements {name}: there is no such file on {side}"
                ))
                .hint("it is relative to pyproject.toml, and must exist at both refs"));
            }
        }
        Ok(())
    }

    /// Returns the environment of `of`, and warns if the project is not installed in it.
    fn environment(&self, recipe: &VenvSpec<'_>, of: &str) -> anyhow::Result<Venv> {
        let environment = recipe.make(self.git, &self.limits, &mut |text| self.events.step(text))?;
        self.events.detail(&format!(
            "the environment of {of}: {}, {}",
            environment.folder.display(),
            environment.made_from
        ));
        if let Some(words) = &environment.without_project {
            self.events.doubt(
                WarningCode::ProjectNotInstalled,
                &format!(
                    "in the environment of {of} the project itself could not be installed: {}",
                    telling(words)
                ),
                Some("its code comes from the worktree in any case; a package that asks for its own version may fail"),
            );
        }
        Ok(environment)
    }

    /// Warns of packages that differ without being declared differently: without a lock file, the installed
    /// versions also depend on the day.
    fn compare_installed(&self, base: &Venv, head: &Venv, differences: &Changes) -> anyhow::Result<()> {
        let script = self.installation.worker_file("installed.py");
        let installed = |of: &Venv| interpreter::installed(&of.interpreter.path, &script);
        let (base, head) = (installed(base)?, installed(head)?);
        let declared: BTreeSet<&String> = differences
            .dependencies
            .iter()
            .flat_map(|(_, changes)| changes.iter().flatten())
            .map(|change| &change.name)
            .collect();
        let names: BTreeSet<&String> = base.keys().chain(head.keys()).collect();
        let other = names
            .into_iter()
            .filter(|name| base.get(*name) != head.get(*name) && !declared.contains(name))
            .map(|name| DependencyChange {
                name: name.clone(),
                said: PerSide::new(base.get(name).cloned(), head.get(name).cloned()),
            });
        let other: Vec<DependencyChange> = other.collect();
        if !other.is_empty() {
            self.events.doubt(
                WarningCode::DependenciesDiffer,
                &format!(
                    "the sides' environments also differ in packages that both revisions declare alike: {}",
                    named(&other, &BTreeMap::new())
                ),
                Some(
                    "a lock file or exact versions keep them the same; after `deadheat clean`, both \
                     environments are made on the same day",
                ),
            );
        }
        Ok(())
    }

    /// Returns the variables with an environment active.
    fn variables_within(&self, environment: &Path) -> BTreeMap<OsString, OsString> {
        let mut variables = self.variables.clone();
        if !self.keeps_python_path {
            // Its packages would come before those of the environment.
            variables.remove(&OsString::from("PYTHONPATH"));
        }
        let inherited = env_vars::search_path(&variables);
        let folders = std::iter::once(environment.join("bin")).chain(inherited);
        if let Ok(path) = std::env::join_paths(folders) {
            variables.insert("PATH".into(), path);
        }
        variables.insert("VIRTUAL_ENV".into(), environment.into());
        variables
    }

    fn build(&self, command: &str, interpreters: &PerSide<Interpreter>) -> anyhow::Result<()> {
        for side in Side::BOTH {
            let interpreter = interpreters.get(side);
            let revision = self.revisions.get(side);
            let worktree = *self.checkouts.get(side);
            let tree = self.git.tree_hash(&revision.commit)?;
            let build = Build {
                side,
                command,
                worktree,
                folder: worktree.join(&self.project.folder),
                content: format!(
                    "{} {} {} {}",
                    self.project.folder,
                    tree,
                    self.submodules
                        .get(side)
                        .iter()
                        .map(Present::to_string)
                        .collect::<String>(),
                    content_of(worktree, &self.laid_over)?
                ),
                interpreter,
                installed: &interpreter::installed(
                    &interpreter.path,
                    &self.installation.worker_file("installed.py"),
                )?,
                variables: &self.variables,
                submodules: &self
                    .submodules
                    .get(side)
                    .iter()
                    .map(|one| one.path.clone())
                    .collect::<Vec<_>>(),
                import_folders: self
                    .project
                    .import_folders
                    .iter()
                    .map(|folder| worktree.join(folder))
                    .collect(),
                layer: self.scratch.join(format!("build-{side}")),
                layer_script: self.installation.worker_file("layer.py"),
            };
            let made = build.make(self.git, &self.limits, &mut |text| self.events.step(text))?;
            if made == Made::Before {
                self.events.detail(&format!("{side} was built by an earlier run"));
            }
        }
        Ok(())
    }

    /// Checks the build of the compiled part, or takes the part from the working tree if it is the same, or
    /// warns that it is missing. A part that differs and was not built is an error: the speed of the old
    /// binary would be misleading.
    fn see_to_compiled_part(
        &self,
        compiled: &ExtensionModules,
        interpreters: &PerSide<Interpreter>,
    ) -> anyhow::Result<()> {
        let suggested = compiled.command(self.project);
        if self.settings.build.is_some() {
            self.check_build(&suggested);
            return Ok(());
        }
        let hint = format!("build it on both sides: --build '{suggested}'");
        if let Some(differing) = first_of(&compiled.differing) {
            return Err(Failure::usage(format!(
                "the compiled part of the project differs between the refs ({differing}), and nothing says how to build it"
            ))
            .hint(format!("{hint} (or the command that builds it in your checkout; `--build true` compares \
                           without it)"))
            .into());
        }
        let binaries = binaries::of_working_tree(
            compiled,
            self.git,
            self.project,
            &interpreters.head,
            self.checkouts.head,
            self.changed,
        )?;
        self.copy_binaries(&binaries.usable)?;
        let why = binaries.refused.as_deref();
        if why.is_some() || binaries::in_checkout(self.project, self.checkouts.head).is_empty() {
            let why = why.unwrap_or("your working tree has none either");
            self.events.doubt(
                WarningCode::CompiledPartMissing,
                &format!(
                    "the project has a compiled part, and the worktrees lack extension modules: {why}; if \
                     there is a fallback in Python, it is measured instead"
                ),
                Some(&hint),
            );
        }
        Ok(())
    }

    /// Warns if a build has not left the same extension modules on both sides.
    fn check_build(&self, suggested: &str) {
        let made = self
            .checkouts
            .map(|checkout| binaries::in_checkout(self.project, checkout));
        let lack = |side: Side| made.get(side.other()).difference(made.get(side)).next();
        let warning = match (lack(Side::Base), lack(Side::Head)) {
            (Some(module), _) => format!("--build left no `{module}` on base, but one on head"),
            (_, Some(module)) => format!("--build left no `{module}` on head, but one on base"),
            (None, None) if made.base.is_empty() => {
                "--build left no extension module on either side".to_owned()
            }
            (None, None) => return,
        };
        self.events.doubt(
            WarningCode::CompiledPartMissing,
            &format!(
                "{warning} in the folder that the code is imported from: if there is a fallback in Python, it \
                 is measured instead"
            ),
            Some(&format!(
                "the build must put it beside the sources: --build '{suggested}'"
            )),
        );
    }

    /// Gives both sides extension modules of the working tree.
    fn copy_binaries(&self, usable: &[String]) -> anyhow::Result<()> {
        for path in usable {
            for side in Side::BOTH {
                files::replace(self.git.top(), self.checkouts.get(side), path)?;
            }
        }
        if let Some(usable) = first_of(usable) {
            self.events.doubt(
                WarningCode::ExtensionModulesCopied,
                &format!(
                    "the compiled part is the same at both refs: {usable} of the working tree, which is newer than its \
                     sources, serves both sides"
                ),
                Some("--build CMD builds it again"),
            );
        }
        Ok(())
    }

    fn warn_of_dependencies(&self, differences: &Changes) -> anyhow::Result<()> {
        if differences.dependencies.is_empty() {
            return Ok(());
        }
        let installed = interpreter::installed(
            &self.interpreter.path,
            &self.installation.worker_file("installed.py"),
        )?;
        for (path, changes) in &differences.dependencies {
            let what = match changes {
                Some(changes) => named(changes, &installed),
                None => "it cannot be read on both sides".to_owned(),
            };
            self.events.doubt(
                WarningCode::DependenciesDiffer,
                &format!(
                    "`{path}` declares other dependencies on head: {what}; both sides ran with the installed \
                     packages"
                ),
                Some("these numbers do not include their effect: --env per-ref gives each side its own"),
            );
        }
        Ok(())
    }
}

fn named(changes: &[DependencyChange], installed: &BTreeMap<String, String>) -> String {
    let mut words: Vec<String> = changes
        .iter()
        .take(MOST_NAMED)
        .map(|change| match installed.get(&change.name) {
            Some(version) => format!("{change} (installed: {version})"),
            None => change.to_string(),
        })
        .collect();
    if changes.len() > MOST_NAMED {
        words.push(format!("and {} more", changes.len() - MOST_NAMED));
    }
    words.join(", ")
}

/// Warns of differences that look like compiled sources if nothing says that the project compiles anything.
fn warn_of_compiled_sources(differences: &Changes, events: &dyn Events) {
    if let Some(sources) = first_of(&differences.compiled) {
        events.doubt(
            WarningCode::CompiledSourcesDiffer,
            &format!("the source of a compiled part differs, and nothing was built: {sources}"),
            Some("these numbers do not include its changes; --build CMD builds both sides"),
        );
    }
}

/// Names the first path, and the number of others.
fn first_of(paths: &[String]) -> Option<String> {
    let (first, more) = paths.split_first()?;
    Some(match more.len() {
        0 => format!("`{first}`"),
        count => format!("`{first}` and {count} more"),
    })
}

/// Returns the first line of an installer's output that mentions an error, else the last line.
fn telling(words: &str) -> &str {
    let error = |line: &&str| line.to_lowercase().contains("error");
    let found = words.lines().find(error).or_else(|| words.lines().next_back());
    found.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Heard;

    #[test]
    fn compiled_sources_that_differ_are_named() {
        let differences = Changes {
            compiled: vec!["src/a.c".to_owned(), "src/b.c".to_owned()],
            ..Changes::default()
        };
        let heard = Heard::default();
        warn_of_compiled_sources(&differences, &heard);
        let warnings = heard.warnings();
        assert_eq!(warnings[0].code, WarningCode::CompiledSourcesDiffer);
        assert!(warnings[0].message.ends_with("`src/a.c` and 1 more"));
    }
}
