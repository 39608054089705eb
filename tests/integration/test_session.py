# SPDX-License-Identifier: Apache-2.0
"""doc/commands.md: the commands of its table work, and each of its session prints what the page
shows, but for numbers that differ from host to host. GRAPNEL_UPDATE_GOLDEN=1 writes what was printed into the page."""

import os
import pathlib
import re
import shlex

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "doc/commands.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.S)
REMOVE = "docker rm --force trainer forgotten"
# of the table, with the reader's words in capitals; containers of other engines are in other tests
TABLE = re.compile(r"^\|[^|]*\|(.*)\|$", re.M)
OF_OTHER_ENGINES = {"--podman NAME", "--cri ID"}


@pytest.fixture
def machine(page_machine):
    page_machine.configure_engines()
    done = page_machine.run("grapnel configure docker && systemctl restart docker")
    assert done.returncode == 0, done.stderr
    yield page_machine
    page_machine.run(REMOVE)


def commands(block):
    return re.findall(r"^# (.*)$", block, re.M)


def on_terminal(machine, command):
    """Without the sequences of colours, which a page cannot show."""
    done = machine.shell(f"script --quiet --return --command {shlex.quote(machine.fill_in(command))} "
                         "/dev/null </dev/null", check=False)
    return re.sub(r"\x1b\[\d+m", "", done.stdout).replace("\r", "")


def without_numbers(text):
    """IDs, PIDs and times."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "ID", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"^(ID +\w+ +[\d:,]+ +)[\d,]+ ", r"\1PID ", text, flags=re.M)
    text = re.sub(r"\[\d+\] (ID .*); [\d.]+ ms: .*$", r"[PID] \1; MILLISECONDS", text, flags=re.M)
    return re.sub(r" +", " ", text)


def test_the_session_of_the_page(machine):
    page = PAGE.read_text()
    block = BLOCK.search(page)[1]

    def output(command):
        text = on_terminal(machine, command)
        text = re.sub(rf"\b{re.escape(machine.environment['IMAGE'])}$", "IMAGE", text, flags=re.M)
        lines = text.splitlines(keepends=True)
        # the other areas differ from host to host
        return "".join(line for line in lines if command != "grapnel doctor" or line in block)

    shown = "".join(f"# {command}\n{output(command)}" for command in commands(block))
    if os.environ.get("GRAPNEL_UPDATE_GOLDEN") == "1":
        PAGE.write_text(page.replace(block, shown))
        return
    assert without_numbers(shown) == without_numbers(block)


def commands_of_the_table():
    """An option alone is one of the command before it."""
    found = []
    for cell in TABLE.findall(PAGE.read_text()):
        for text in re.findall(r"`([^`]+)`", cell):
            if text.startswith("--") and text not in OF_OTHER_ENGINES:
                found.append(" ".join(found[-1].split()[:2]) + " " + text)
            elif not text.startswith("--"):
                found.append(text)
    # what others need is set first
    return sorted(found, key=lambda command: not command.startswith("grapnel config set"))


def test_commands_of_the_table_work(machine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["true"])
    found = commands_of_the_table()
    assert len(found) > 12
    machine.shell(found.pop(0))
    container = machine.shell(machine.fill_in(
        "docker run --detach --network none --name trainer --runtime=nvidia "
        "--env NVIDIA_VISIBLE_DEVICES=1 IMAGE sleep 1000")).stdout.strip()
    pid = machine.shell("docker inspect --format '{{.State.Pid}}' trainer").stdout.strip()
    words = {"NAME": "trainer", "PID": pid, "BUNDLE": str(bundle.directory), "CONTAINER": container}
    for command in found:
        filled = " ".join(words.get(word, word) for word in command.split())
        done = machine.shell(filled, check=False)
        findings = {3, 4} if filled == "grapnel doctor" else set()
        assert done.returncode in {0, *findings}, (filled, done.stdout, done.stderr)
