# SPDX-License-Identifier: Apache-2.0
"""The log by its settings; grapnel log, blame and nodes."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess

import make_driver
import pytest

LINE = re.compile(r"^\S+Z grapnel-hook\[\d+\] (\S+) info: (.*); (\d+\.\d\d) ms: (.*)$")


@pytest.fixture
def asking(hand_made, bundle):
    """Starts a container that asks for GPU 1, with these settings."""
    def start(settings):
        bundle.env("NVIDIA_VISIBLE_DEVICES=1")
        own_log = "" if settings.startswith("log =") else f'log = "{bundle.log}"\n'
        bundle.settings.write_text(own_log + settings)
        made = hand_made(bundle)
        done = made.hook()
        assert done.returncode == 0, done.stderr
        return bundle.log.read_text().splitlines() if bundle.log.exists() else []
    return start


def test_a_start_is_one_line_by_default(asking, bundle):
    line, = asking("")
    container, text, _, steps = LINE.match(line).groups()
    assert container == bundle.name
    assert f"has GPU 1 ({make_driver.uuid(1)}) of driver {make_driver.VERSION}" in text
    assert "with compute and utility, asked for by NVIDIA_VISIBLE_DEVICES='1'" in text
    assert [step.split()[0] for step in steps.split(", ")] == ["read", "prepare", "plan", "apply"]


def test_a_level_leaves_out_the_later_ones(asking):
    assert asking('log-level = "notice"\n') == []
    assert asking('log-level = "error"\n') == []


def test_json_lines_have_engine_and_steps(asking, bundle):
    line, = asking('log-level = "info"\nlog-format = "json"\n')
    entry = json.loads(line)
    assert (entry["program"], entry["container"], entry["engine"], entry["level"]) == (
        "grapnel-hook", bundle.name, "oci", "info")
    assert make_driver.uuid(1) in entry["text"]
    assert list(entry["steps"]) == ["read", "prepare", "plan", "apply"]
    assert entry["ms"] >= max(entry["steps"].values())


def test_json_survives_quotes_of_an_image(hand_made, bundle):
    bundle.env('NVIDIA_VISIBLE_DEVICES=\\"}\n')
    bundle.set_settings('log-format = "json"\n')
    assert hand_made(bundle).hook().returncode == 1
    entry, = map(json.loads, bundle.log.read_text().splitlines())
    assert entry["level"] == "error" and "unknown device" in entry["text"]


def test_a_long_log_is_renamed_once(asking, bundle):
    bundle.log.write_bytes(b"x" * (16 << 20) + b"\n")
    lines = asking('log-level = "info"\n')
    assert len(lines) == 1 and LINE.match(lines[0])
    assert pathlib.Path(f"{bundle.log}.1").stat().st_size == (16 << 20) + 1


@contextlib.contextmanager
def receiver(path):
    path = pathlib.Path(path)
    if path.exists():
        pytest.skip(f"{path} belongs to this machine")
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))
        bound.settimeout(60)
        try:
            yield bound
        finally:
            path.unlink()


def test_the_journal_gets_fields(asking, bundle):
    with receiver("/run/systemd/journal/socket") as journal:
        assert asking('log = "journal"\nlog-level = "info"\n') == []
        fields = dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines())
    assert fields["SYSLOG_IDENTIFIER"] == "grapnel-hook"
    assert (fields["PRIORITY"], fields["GRAPNEL_CONTAINER"]) == ("6", bundle.name)
    assert f"{bundle.name}: has GPU 1" in fields["MESSAGE"]


def test_syslog_gets_a_line(asking, bundle):
    with receiver("/dev/log") as syslog:
        assert asking('log = "syslog"\nlog-level = "info"\n') == []
        line = syslog.recv(65536).decode()
    assert re.match(r"<30>grapnel-hook\[\d+\]: " + re.escape(bundle.name) + " info: has GPU 1", line)


def test_a_journal_that_is_away_keeps_no_container(asking):
    assert asking('log = "journal"\n') == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_and_blame_read_the_lines(asking, bundle, grapnel, form):
    asking(f'log-level = "info"\nlog-format = "{form}"\n')
    variables = {"env": {**os.environ, "NVIDIA_CTK_CONFIG_FILE_PATH": str(bundle.settings)}}
    assert make_driver.uuid(1) in grapnel("log", bundle.name, **variables).stdout
    lines = json.loads(grapnel("log", "--json", bundle.name, **variables).stdout)["lines"]
    assert len(lines) == 1
    blamed = json.loads(grapnel("blame", "--json", bundle.name, **variables).stdout)
    assert list(blamed["steps"]) == ["read", "prepare", "plan", "apply"]
    assert blamed["ms"] > 0
    assert " ms  apply" in grapnel("blame", bundle.name, **variables).stdout
    assert "has no line" in grapnel("log", "nobody", code=1, **variables).stderr


def test_missing_log_is_named(grapnel, bundle, tmp_path):
    bundle.settings.write_text(f'log = "{tmp_path}/none.log"\n')
    variables = {"env": {**os.environ, "NVIDIA_CTK_CONFIG_FILE_PATH": str(bundle.settings)}}
    for command in ("log", "blame"):
        assert f"{tmp_path}/none.log is missing: no start was logged" in grapnel(
            command, "nobody", code=1, **variables).stderr


def test_nodes_are_made_where_they_are_missing(grapnel):
    node = f"/dev/nvidia{make_driver.minor(1, 2)}"
    script = (f"umount {node} 2>/dev/null; rm -f {node}; {grapnel.program} nodes create --dry-run; "
              f"test -e {node} && exit 9; {grapnel.program} nodes create && test -c {node}")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[:2] == [f"missing {node}", f"made {node}"]


def test_nodes_says_that_all_are_there(grapnel):
    assert grapnel("nodes", "create", "--dry-run").stdout == "no node is missing\n"


def test_the_clis_start_is_a_line_too(hand_made, bundle, cli):
    done = cli.configure(hand_made(bundle), "--device=1", "--compute", "--utility", "--no-cgroups")
    assert done.returncode == 0, done.stderr
    line, = cli.log.read_text().splitlines()
    assert f"has GPU 1 ({make_driver.uuid(1)}) of driver {make_driver.VERSION}" in line
    assert "with compute and utility, asked for by --device='1'" in line
