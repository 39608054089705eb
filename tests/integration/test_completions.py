# SPDX-License-Identifier: Apache-2.0
"""Completions in real shells: typed on a terminal, or asked of fish."""

import os
import pty
import subprocess
import time

import pytest
from conftest import need

PROMPT = "ready> "
# what bash and zsh run in the place of the programs: a line with the words that they got
SHOW_WORDS = 'show() { echo "words: $*."; }\n'
FILES = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}


@pytest.fixture
def scripts(hook):
    """Shell and program to the script of its completions."""
    directory = hook.parent.parent / "completions"
    return lambda shell, program: directory / FILES[shell].format(program)


def read_until(terminal, text):
    seen = ""
    deadline = time.monotonic() + 120
    while text not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen


def typed(command, begin, line, directory):
    """Types a line in a new shell; the words of the command that it executes."""
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(directory)}
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(command, env=environment, cwd=directory, stdin=theirs, stdout=theirs, stderr=theirs,
                             start_new_session=True)
    os.close(theirs)
    try:
        (directory / "begin").write_text(begin + f"PS1='{PROMPT}'\n")
        os.write(ours, b". ./begin\n")
        read_until(ours, PROMPT)
        os.write(ours, f"{line}\n".encode())
        return read_until(ours, ".\r\n").split("words: ")[-1].split(".\r\n")[0]
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def bash(scripts, tmp_path, program, line):
    need("bash")
    begin = SHOW_WORDS + f". {scripts('bash', program)}\n"
    for name in ("grapnel", "grapnel-hook", "nvidia-container-cli"):
        begin += f"{name}() {{ show \"$@\"; }}\n"
    return typed(["bash", "--norc", "--noprofile", "-i"], begin, line, tmp_path)


def zsh(scripts, tmp_path, program, line):
    need("zsh")
    begin = SHOW_WORDS + f"fpath=({scripts('zsh', program).parent} $fpath)\nautoload -Uz compinit\ncompinit -D -u\n"
    for name in ("grapnel", "grapnel-hook", "nvidia-container-cli"):
        begin += f"{name}() {{ show \"$@\"; }}\n"
    return typed(["zsh", "-f", "-i"], begin, line, tmp_path)


LINES = {
    "command": ("grapnel", "grapnel configu\tdoc\t--unset", "configure docker --unset"),
    "option": ("grapnel", "grapnel configure docker --dry\t", "configure docker --dry-run"),
    "stage": ("grapnel-hook", "grapnel-hook --deb\tposts\top\t", "--debug poststop"),
    "value": ("grapnel-cli", "nvidia-container-cli configure --cuda-c\tmo\t/root",
              "configure --cuda-compat-mode mount /root"),
    "value after an equals sign": ("grapnel-cli", "nvidia-container-cli configure --cuda-compat-mode=dis\t/root",
                                   "configure --cuda-compat-mode=disabled /root"),
    "file": ("grapnel-cli", "nvidia-container-cli --debug a\\ f\tinf\t--csv", "--debug a file info --csv"),
    "directory": ("grapnel-cli", "nvidia-container-cli configure roo\t", "configure rootfs/"),
    "value named like a command": ("grapnel-cli", "nvidia-container-cli --root list inf\t", "--root list info"),
}


@pytest.mark.parametrize("shell", [bash, zsh])
@pytest.mark.parametrize("case", LINES)
def test_tab_completes(scripts, tmp_path, shell, case):
    (tmp_path / "a file").touch()
    (tmp_path / "rootfs").mkdir()
    program, line, expected = LINES[case]
    words = shell(scripts, tmp_path, program, line)
    # zsh puts a value behind an equals sign, and removes a slash at the end of a word
    assert words.replace("=", " ").rstrip("/ ") == expected.replace("=", " ").rstrip("/")


@pytest.mark.parametrize("words, offered", {
    "grapnel con": {"config", "configure"},
    "grapnel configure --r": {"--runtime-name", "--runtime-path"},
    "grapnel-hook p": {"precreate", "prestart", "poststart", "poststop"},
    "nvidia-container-cli configure --cuda-compat-mode ": {"mount", "ldconfig", "disabled"},
    "nvidia-container-cli --debug a": {"a file"},
    "nvidia-container-cli configure r": {"rootfs/"},
}.items())
def test_fish_completes(scripts, tmp_path, words, offered):
    need("fish")
    (tmp_path / "a file").touch()
    (tmp_path / "rootfs").mkdir()
    loaded = "".join(f"source {scripts('fish', program)}; " for program in ("grapnel", "grapnel-cli", "grapnel-hook"))
    done = subprocess.run(["fish", "--no-config", "--command", f"{loaded}complete --do-complete '{words}'"],
                          cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
                          capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == offered


def test_names_of_links_complete_too(scripts):
    """bash-completion and fish load a file by the command's name, zsh reads its first line."""
    links = {"grapnel-hook": ["nvidia-container-runtime-hook", "nvidia-container-toolkit"],
             "grapnel-cli": ["nvidia-container-cli"], "grapnel": []}
    for program, names in links.items():
        for name in [program, *names]:
            assert name in scripts("zsh", program).read_text().splitlines()[0].split()
            assert name in scripts("bash", program).read_text().splitlines()[-1].split()
            assert f"complete --command {name} " in scripts("fish", program).read_text()
