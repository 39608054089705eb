# SPDX-License-Identifier: Apache-2.0
"""The session of doc/commands.md: each command prints what the page shows, but for numbers that
differ from host to host. GRAPNEL_UPDATE_GOLDEN=1 writes what was printed into the page."""

import os
import pathlib
import re
import shlex

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "doc/commands.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.S)
REMOVE = "docker rm --force trainer forgotten"


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
    return re.sub(r" +", " ", text)


def test_the_session_of_the_page(machine):
    page = PAGE.read_text()
    block = BLOCK.search(page)[1]
    shown = "".join(f"# {command}\n{on_terminal(machine, command)}" for command in commands(block))
    if os.environ.get("GRAPNEL_UPDATE_GOLDEN") == "1":
        PAGE.write_text(page.replace(block, shown))
        return
    assert without_numbers(shown) == without_numbers(block)
