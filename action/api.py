"""Shared by all steps: their variables, GitHub's API through `gh`, and messages in the job's log."""

import json
import os
import subprocess
from pathlib import Path


def given(name):
    return os.environ.get(name, "").strip()


def write_outputs(**outputs):
    """Adds outputs of the step; each is one line."""
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def link_to_job():
    repository, run = os.environ.get("GITHUB_REPOSITORY"), given("GITHUB_RUN_ID")
    return f"[the job]({given('GITHUB_SERVER_URL')}/{repository}/actions/runs/{run})" if run else "the job"


class Refused(Exception):
    """The message of a failed `gh`."""


def gh(*arguments, body=None):
    try:
        answer = subprocess.run(
            ["gh", "api", *arguments, *(["--input", "-"] if body else [])],
            input=json.dumps(body) if body else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise Refused(f"gh cannot be run: {error}") from error
    if answer.returncode != 0:
        raise Refused(answer.stderr.strip() or f"gh ended with {answer.returncode}")
    return answer.stdout


def values(text):
    """Yields the JSON values of a text, one after the other: `gh` prints one for each page."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


def warn(message, level="warning"):
    """Prints a warning of the job (or an error), with characters that could end the line escaped as GitHub wants it."""
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(character, code)
    print(f"::{level} title=deadheat::{message}", flush=True)
