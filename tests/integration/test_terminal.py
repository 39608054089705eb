# SPDX-License-Identifier: Apache-2.0
"""What grapnel's commands print: colours, control characters of others, and as a user."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import container
import container_cli
import make_driver
import pytest
from terminal import on_terminal

USER = 61319
HOSTILE = "\033]0;owned\007"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# the commands that print for a person, with the exit statuses that a healthy or a broken host has
COMMANDS = {"info": [0], "ps": [0], "doctor": [0, 3, 4], "explain --env NVIDIA_VISIBLE_DEVICES=0": [0],
            "list": [0], "config show": [0], "cdi list": [0], "nodes create --dry-run": [0]}
COLOURED = ["info", "ps", "doctor", "explain --env NVIDIA_VISIBLE_DEVICES=0"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_color_is_kept(grapnel, command):
    words = command.split()
    plain = on_terminal(grapnel.program, *words, codes=COMMANDS[command], NO_COLOR="1")
    assert "\033" not in plain
    if command in COLOURED:
        assert "\033[" in on_terminal(grapnel.program, *words, codes=COMMANDS[command])


def test_explain_escapes_what_a_container_asks(grapnel, bundle):
    bundle.env(f"NVIDIA_VISIBLE_DEVICES={HOSTILE}", f"NVIDIA_DRIVER_CAPABILITIES={HOSTILE}")
    bundle.write_config(["true"])
    done = grapnel("explain", bundle.directory)
    assert "owned" in done.stdout and not CONTROL.search(done.stdout)


@pytest.mark.parametrize("command", ["log", "blame"])
def test_lines_of_a_log_are_escaped(grapnel, bundle, command):
    bundle.set_settings("")
    steps = {HOSTILE: 1.0}
    line = {"time": HOSTILE, "program": HOSTILE, "container": bundle.name, "level": "info",
            "text": HOSTILE, "ms": 1.0, "steps": steps}
    bundle.log.write_text(f"{HOSTILE} {HOSTILE} {bundle.name} info: {HOSTILE}\n"
                          f"{json.dumps(line, ensure_ascii=False)}\n{json.dumps(line)}\n")
    environment = {**os.environ, "NVIDIA_CTK_CONFIG_FILE_PATH": str(bundle.settings)}
    done = grapnel(command, bundle.name, env=environment)
    assert "owned" in done.stdout and not CONTROL.search(done.stdout)


def test_ps_escapes_a_record(grapnel, bundle):
    """A user's hook writes the records of that user."""
    record = pathlib.Path(f"/run/grapnel/containers/{bundle.name}{HOSTILE}-0000000000000001.jsonl")
    record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with subprocess.Popen(["sleep", "1000"]) as process:
        header = {**json.loads(container.record_header(bundle.root)), "bundle": f"/{HOSTILE}",
                  "driver": HOSTILE, "gpus": [{"index": 0, "minor": 1, "uuid": HOSTILE}],
                  "process": container.process_identity(process.pid)}
        record.write_text(json.dumps(header, separators=(",", ":")) + "\n")
        claim = container.claims_directory(bundle.root) / record.stem
        claim.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        claim.symlink_to(header["process"])
        try:
            for form in [], ["--prometheus"]:
                done = grapnel("ps", *form)
                assert "owned" in done.stdout and not CONTROL.search(done.stdout)
        finally:
            process.kill()
            record.unlink()
            claim.unlink()


@pytest.mark.parametrize("command", [*COMMANDS, "log x", "blame x", "explain --pid 1", "explain --cri x",
                                     "config check", "config set probe x", "nodes create"])
def test_user_is_answered_or_told_why_not(grapnel, tmp_path, command):
    program = shutil.copy(grapnel.program, tmp_path / "grapnel")
    container_cli.make_reachable(program)
    done = subprocess.run(
        ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", program, *command.split()],
        cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {1, *COMMANDS.get(command, [0])}, done.stderr
    assert all(line.startswith("grapnel: ") for line in done.stderr.splitlines()), done.stderr
    assert done.stderr or done.returncode != 1


def test_user_gets_commands_with_sudo(grapnel, tmp_path):
    """A node's mode is a fault that a user sees too."""
    program = shutil.copy(grapnel.program, tmp_path / "grapnel")
    container_cli.make_reachable(program)
    node = f"/dev/nvidia{make_driver.minor(1, 2)}"
    script = (f"mount --bind /dev/null {node}; exec setpriv --reuid={USER} --regid={USER} "
              f"--clear-groups {program} doctor --json")
    done = subprocess.run(["unshare", "--mount", "sh", "-ec", script], cwd="/", capture_output=True,
                          text=True, timeout=60, check=False)
    found = {finding["code"]: finding["command"] for area in json.loads(done.stdout)["areas"]
             for finding in area["findings"]}
    sudo = "sudo sh -c " if shutil.which("sudo") else "su -c "
    assert found["GR0302"] == f"{sudo}'rm {node} && grapnel nodes create'"
