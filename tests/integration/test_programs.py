# SPDX-License-Identifier: Apache-2.0
"""The command lines of all programs are alike: help, version, exit codes, one line for a mistake."""

import subprocess

import pytest
from conftest import built

COMMANDS = ["configure", "cdi", "info", "list", "doctor", "explain", "ps", "config", "nodes", "cache",
            "log", "blame"]
# name: (folder, program, exit code of a wrong command line, its name in messages)
PROGRAMS = {
    "hook": ("hook", "grapnel-hook", 2, "grapnel-hook"),
    "cli": ("container-cli", "grapnel-cli", 1, "nvidia-container-cli"),  # NVIDIA's callers know no other
    "grapnel": ("grapnel", "grapnel", 2, "grapnel"),
    **{command: ("grapnel", f"grapnel {command}", 2, "grapnel") for command in COMMANDS},
    "probe": ("probe", "grapnel-probe", 2, "grapnel-probe"),
}
HELP = ["-h", "--help", "help"]
VERSION = ["-v", "--version"]


def command_of(hook, program):
    folder, words, code, name = PROGRAMS[program]
    first, *rest = words.split()
    return [built(hook, folder, first), *rest], code, name


@pytest.fixture(params=PROGRAMS)
def program(request, hook):
    return command_of(hook, request.param)


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


NEED_NO_WORD = ["info", "list", "doctor", "ps"]
TAKE_ANY_WORD = ["explain", "log", "blame"]  # a container
WRONG = {"option": ["--nonsense"], "letter": ["-%"], "word": ["nonsense"], "nothing": [], "empty": [""]}


def is_wrong(name, words):
    return not (words == "nothing" and name in NEED_NO_WORD or words == "word" and name in TAKE_ANY_WORD)


@pytest.mark.parametrize("name,words", [(name, words) for name in PROGRAMS for words in WRONG
                                        if is_wrong(name, words)])
def test_wrong_command_line_is_one_line_with_hint(hook, name, words):
    command, code, name = command_of(hook, name)
    done = run(command, *WRONG[words])
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"{name}: ") and done.stderr.count("\n") == 1
    assert " --help'" in done.stderr


# words with which a program works, on any host
RIGHT = {"hook": ["poststart"], "cli": ["info"], "grapnel": ["help", "doctor"], "configure": ["docker"],
         "cdi": ["generate"], "info": [], "list": [], "doctor": [], "explain": ["GR0103"], "ps": [],
         "config": ["show"], "nodes": ["create"], "cache": ["show"], "log": ["x"], "blame": ["x"], "probe": ["/lib/x.so"]}


@pytest.mark.parametrize("name", PROGRAMS)
def test_surplus_argument_is_refused(hook, name):
    command, code, _ = command_of(hook, name)
    done = run(command, *RIGHT[name], "more")
    assert done.returncode == code and done.stderr.count("\n") == 1


PRINT = {name: [RIGHT[name]] for name in ["cli", "cdi", "info", "list", "doctor", "explain", "ps"]}
PRINT |= {"config": [["show"], ["default"], ["check"]], "nodes": [["create", "--dry-run"]], "cache": [["show"]]}
PRINT["cli"] += [["list"]]


@pytest.mark.parametrize("name", PRINT)
def test_work_on_full_output_is_a_failure(hook, name):
    for words in PRINT[name]:
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = run(command_of(hook, name)[0], *words, stdout=full)
        assert done.returncode == 1
        assert done.stderr.endswith("write stdout: No space left on device\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_takes_a_command(hook, name):
    grapnel = command_of(hook, "grapnel")[0]
    own = run(grapnel, name, "--help")
    for words in ["help"], ["--help"]:
        done = run(grapnel, *words, name)
        assert (done.returncode, done.stdout) == (0, own.stdout)
    assert run(grapnel, "help", "nonsense").returncode == 2


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
