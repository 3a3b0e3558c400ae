"""The skills for coding agents: their format, their copies of the documentation, and `deadheat skill`.

`DEADHEAT_SKILLS=rewrite` writes the copies again.
"""

import json
import os
import re
import subprocess

import pytest

from conftest import ROOT, command

pytestmark = pytest.mark.quick

SKILLS = ROOT / "skills"
NAMES = ["deadheat", "write-a-benchmark"]
FILES = {str(path.relative_to(SKILLS)): path.read_bytes() for path in SKILLS.rglob("*") if path.is_file()}
LOOP, BENCHMARKS = ((ROOT / "docs" / page).read_text() for page in ("loop.md", "writing-benchmarks.md"))
EXAMPLE, AGENTS = "## A worked example\n", "## For coding agents\n"
# The parts of pages that the skills hold a copy of.
COPIES = {
    "deadheat/references/commands.md": LOOP.partition(EXAMPLE)[0],
    "deadheat/references/example.md": (EXAMPLE + LOOP.partition(EXAMPLE)[2]).partition(AGENTS)[0],
    "write-a-benchmark/references/writing-benchmarks.md": BENCHMARKS,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_has_the_format_that_agents_read(name):
    skills_ref = pytest.importorskip("skills_ref", reason="needs Python 3.11")
    assert skills_ref.validate(SKILLS / name) == []
    text = FILES[f"{name}/SKILL.md"].decode()
    # A model reads it each time.
    assert len(text.splitlines()) < 150
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert {f"{name}/{link}" for link in links} == {file for file in FILES if file.startswith(f"{name}/references/")}


@pytest.mark.parametrize("file", COPIES)
def test_a_copy_is_that_of_its_page(file):
    # A link to another page leads nowhere in an installed skill.
    copy = re.sub(r"\[([^]]+)\]\((?!#|https:)[^)]+\)", r"\1", COPIES[file]).rstrip() + "\n"
    copy = copy.replace(EXAMPLE, f"# {EXAMPLE[3:]}") if file.endswith("example.md") else copy
    if os.environ.get("DEADHEAT_SKILLS") == "rewrite":
        (SKILLS / file).write_text(copy)
    assert (SKILLS / file).read_text() == copy, "write it again: DEADHEAT_SKILLS=rewrite pytest tests/test_skills.py"


def test_the_repository_is_a_plugin():
    plugin, marketplace = (
        json.loads((ROOT / ".claude-plugin" / f"{name}.json").read_text()) for name in ("plugin", "marketplace")
    )
    assert f'\nversion = "{plugin["version"]}"\n' in (ROOT / "Cargo.toml").read_text()
    assert plugin["mcpServers"] == {"deadheat": {"command": "deadheat", "args": ["mcp"]}}
    # Skills in the plugin's folder `skills` are found without being named.
    [listed] = marketplace["plugins"]
    assert (listed["name"], listed["source"]) == (plugin["name"], "./")
    assert f"/plugin install {plugin['name']}@{marketplace['name']}" in LOOP


@pytest.fixture
def skill(repository, tmp_path):
    """Runs `deadheat skill` below the top of a project, for a user without agents."""
    home, inside = tmp_path / "home", repository.folder / "pkg"
    home.mkdir()
    inside.mkdir()

    def run(*arguments):
        return subprocess.run(
            command("skill", *arguments),
            cwd=inside,
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            check=False,
        )

    return run


def installed_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_skills_are_printed_as_they_are(skill):
    assert skill().stdout == FILES["deadheat/SKILL.md"]
    assert skill("write-a-benchmark").stdout == FILES["write-a-benchmark/SKILL.md"]
    file = "deadheat/references/commands.md"
    assert skill(file).stdout == FILES[file]
    answer = json.loads(skill(file, "--json").stdout)
    assert (answer["file"], answer["text"]) == (file, FILES[file].decode())
    unknown = skill("deadhead")
    assert unknown.returncode == 2
    assert b"hint: choose one of deadheat/SKILL.md, " in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["claude"], "project/.claude/skills"),
        (["codex"], "project/.agents/skills"),
        (["codex", "--user"], "home/.agents/skills"),
        (["./agents"], "project/pkg/agents"),
    ],
)
def test_the_installed_files_are_those_of_the_repository(skill, tmp_path, arguments, place):
    outcome = skill("--install", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    assert installed_in(tmp_path / place) == FILES
    again = json.loads(skill("--install", *arguments, "--json").stdout)["installed"]
    assert [(entry["skill"], entry["written"]) for entry in again] == [(name, False) for name in NAMES]


def test_the_agents_in_use_get_them(skill, repository, tmp_path):
    nothing = skill("--install")
    assert nothing.returncode == 2
    assert b"--install claude (.claude/skills), --install codex (.agents/skills), or --install DIR" in nothing.stderr
    (tmp_path / "home" / ".claude").mkdir()
    repository.write({"AGENTS.md": "Speak softly.\n"})
    assert skill("--install").returncode == 0
    for folder in (".claude", ".agents"):
        assert installed_in(repository.folder / folder / "skills") == FILES


def test_edited_files_stay_until_they_are_to_be_replaced(skill, repository):
    skill("--install", "claude")
    folder = repository.folder / ".claude" / "skills"
    edited, lost = folder / "deadheat" / "SKILL.md", folder / "write-a-benchmark" / "SKILL.md"
    edited.write_text("mine")
    lost.unlink()
    refused = skill("--install", "claude")
    assert refused.returncode == 2
    assert str(edited).encode() in refused.stderr
    assert b"hint: to overwrite them: --replace" in refused.stderr
    assert (edited.read_text(), lost.exists()) == ("mine", False)
    assert skill("--install", "claude", "--replace").returncode == 0
    assert installed_in(folder) == FILES
