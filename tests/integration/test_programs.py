# SPDX-License-Identifier: Apache-2.0
"""The command lines of all programs are alike: help, version, exit codes, one line for a mistake."""

import subprocess

import pytest
from conftest import built

# name: (folder, program, exit code of a wrong command line, its name in messages)
PROGRAMS = {
    "hook": ("hook", "grapnel-hook", 2, "grapnel-hook"),
    "cli": ("container-cli", "grapnel-cli", 1, "nvidia-container-cli"),  # NVIDIA's callers know no other
    "grapnel": ("grapnel", "grapnel", 2, "grapnel"),
    "configure": ("grapnel", "grapnel configure", 2, "grapnel"),
    "probe": ("probe", "grapnel-probe", 2, "grapnel-probe"),
}
HELP = ["-h", "--help", "help"]
VERSION = ["-v", "--version"]


@pytest.fixture(params=PROGRAMS)
def program(request, hook):
    folder, words, code, name = PROGRAMS[request.param]
    first, *rest = words.split()
    return [built(hook, folder, first), *rest], code, name


def run(command, *words, stdout=subprocess.PIPE):
    return subprocess.run([*map(str, command), *words], env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL,
                          stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=20, check=False)


@pytest.mark.parametrize("word", HELP)
def test_help_is_on_standard_output(program, word):
    done = run(program[0], word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize("word", VERSION)
def test_version_is_on_standard_output(program, word):
    done = run(program[0][:1], word)  # a command has no version of its own
    assert (done.returncode, done.stderr) == (0, "")
    assert "grapnel" in done.stdout


@pytest.mark.parametrize("word", HELP + VERSION)
def test_full_output_is_a_failure(program, word):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(program[0], word, stdout=full)
    assert done.returncode != 0 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{program[2]}: ")


@pytest.mark.parametrize("words", [["--nonsense"], ["-%"], ["nonsense"], []],
                         ids=["option", "letter", "word", "nothing"])
def test_wrong_command_line_is_one_line_with_hint(program, words):
    command, code, name = program
    done = run(command, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"{name}: ") and done.stderr.count("\n") == 1
    assert " --help'" in done.stderr


SURPLUS = {"hook": ["poststart", "more"], "cli": ["info", "more"], "configure": ["docker", "more"],
           "probe": ["/lib/x.so", "more"]}


@pytest.mark.parametrize("name", SURPLUS)
def test_surplus_argument_is_refused(hook, name):
    folder, words, code, _ = PROGRAMS[name]
    first, *rest = words.split()
    done = run([built(hook, folder, first), *rest], *SURPLUS[name])
    assert done.returncode == code and done.stderr.count("\n") == 1


@pytest.mark.parametrize("word", HELP + VERSION)
def test_runtime_introduces_the_low_level_runtime(hook, tmp_path, word):
    program = built(hook, "runtime", "grapnel-runtime")
    (tmp_path / "runc").write_text('#!/bin/sh\necho "runc $*"\n')
    (tmp_path / "runc").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([program, word], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("grapnel-runtime ") and done.stdout.endswith(f"runc {word}\n")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([program, word], env=environment, stdout=full, stderr=subprocess.PIPE,
                              check=False)
    assert done.returncode == 1
