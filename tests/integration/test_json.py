# SPDX-License-Identifier: Apache-2.0
"""Each --json output has the members that grapnel-json(5) describes, of the types that it names."""

import json
import os
import pathlib
import re
import subprocess

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "doc/grapnel-json.5.scd"
NAME = re.compile(r"\*([\w ]+)\*")
NULL = type(None)
LIST_OF_TEXTS = [str]
GPU_OF_PS = {"index": int, "minor": int, "uuid": str, "mig": LIST_OF_TEXTS}
OPTIONAL = {  # of the page: "only where"
    "mig": [{"index": int, "gpu_instance": int, "compute_instance": int, "uuid": (str, NULL)}],
    "compat": {"directory": str, "library": str, "cuda": (str, NULL)},
    "additional_gids": [int],
    "host_nodes": [{"path": str, "mode": str, "major": int, "minor": int, "uid": int, "gid": int}],
}
PLAN = {
    "driver": {"version": (str, NULL), "cuda": (str, NULL)},
    "gpus": [{"index": int, "minor": int, "uuid": str, "pci": str}],
    "driver_capabilities": LIST_OF_TEXTS, "requirements": LIST_OF_TEXTS,
    "mounts": [{"kind": str, "host": str, "inside": str, "options": LIST_OF_TEXTS}],
    "links": [{"inside": str, "target": str}], "device_rules": LIST_OF_TEXTS,
    "change_cgroup": bool, "files": [{"inside": str, "text": str}], "ldcache": str}
SCHEMAS = {
    "INFO": {
        "driver": {"version": str, "cuda": str},
        "gpus": [{"index": int, "minor": int, "uuid": str, "pci": str, "model": str,
                  "brand": (str, NULL), "compute_capability": (str, NULL),
                  "numa_node": (int, NULL), "fault": (str, NULL), "mig": [dict]}],
        "driver_capabilities": dict,
        "engines": [{"name": str, "program": (str, NULL), "entries": LIST_OF_TEXTS}],
        "warnings": LIST_OF_TEXTS, "error": (str, NULL)},
    "LIST": PLAN,
    "DOCTOR": {
        "version": str, "errors": int, "warnings": int,
        "areas": [{"name": str, "status": str, "summary": str,
                   "findings": [{"code": str, "severity": str, "text": str, "command": str,
                                 "fixable": bool}]}]},
    "PS": {
        "driver": (str, NULL),
        "containers": [{"id": str, "engine": str, "bundle": (str, NULL), "user": (str, NULL),
                        "gpus": [GPU_OF_PS], "pid": int, "pids": [int], "cgroup": (str, NULL),
                        "since": str, "driver": (str, NULL), "driver_is_current": (bool, NULL)}]},
    "EXPLAIN": {
        "container": str, "engine": (str, NULL), "bundle": (str, NULL), "outcome": str,
        "summary": str, "decisions": [{"about": str, "result": str, "reason": (str, NULL)}],
        "devices": LIST_OF_TEXTS, "plan": PLAN, "left_out": LIST_OF_TEXTS,
        "warnings": LIST_OF_TEXTS, "log": LIST_OF_TEXTS},
    "CONFIG SHOW": {
        "file": (str, NULL), "mistake": (str, NULL),
        "settings": [{"key": str, "value": (bool, str, list), "line": (int, NULL)}]},
    "CDI LIST AND VALIDATE": {
        "files": [{"file": str, "state": str, "devices": LIST_OF_TEXTS, "reasons": LIST_OF_TEXTS,
                   "mistakes": [{"place": str, "text": str}]}]},
    "CACHE SHOW": {"caches": [{"file": str, "bytes": int, "written": str, "content": str, "valid": bool,
                               "fault": (str, NULL)}]},
    "CACHE DROP": {"dropped": LIST_OF_TEXTS},
    "LOG": {"container": str, "lines": LIST_OF_TEXTS},
    "BLAME": {"container": str, "time": str, "ms": (int, float), "steps": dict},
}


def sections():
    """The names that each section of the page describes, by the section's command."""
    out = {}
    for head, text in re.findall(r"^# GRAPNEL ([A-Z ]+)\n(.*?)(?=^# )", PAGE.read_text(), re.M | re.S):
        out[head] = set(NAME.findall(text))
    both = out.pop("LOG AND BLAME")
    return {**out, "LOG": both, "BLAME": both}


def names_in(schema):
    if isinstance(schema, list):
        return names_in(schema[0])
    if not isinstance(schema, dict):
        return set()
    return set(schema).union(*map(names_in, schema.values()))


def check(value, schema, where):
    if isinstance(schema, list):
        assert isinstance(value, list), where
        for entry in value:
            check(entry, schema[0], where)
    elif isinstance(schema, dict):
        assert isinstance(value, dict), (where, value)
        optional = {name: OPTIONAL[name] for name in set(value) - set(schema) if name in OPTIONAL}
        assert set(value) == set(schema) | set(optional), (where, value)
        for name, inner in {**schema, **optional}.items():
            check(value[name], inner, f"{where}.{name}")
    else:
        assert isinstance(value, schema), (where, value)


@pytest.mark.parametrize("head", SCHEMAS)
def test_page_describes_each_member(head):
    names = names_in(SCHEMAS[head]) | (names_in(OPTIONAL) | set(OPTIONAL) if head == "LIST" else set())
    own = names - names_in(PLAN) if head == "EXPLAIN" else names
    assert own <= sections()[head]


@pytest.fixture
def started(hand_made, bundle):
    """A container that has a GPU."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.set_settings("")
    done = hand_made(bundle).hook()
    assert done.returncode == 0, done.stderr
    return bundle


@pytest.fixture
def outputs(grapnel, started, tmp_path):
    """A function that prints the JSON of a command."""
    grapnel("cdi", "generate", "--output", tmp_path / "right.json")
    (tmp_path / "wrong.json").write_text('{"kind": "nvidia.com/gpu"}')
    words = {
        "INFO": ["info"], "LIST": ["list"], "DOCTOR": ["doctor"], "PS": ["ps"], "EXPLAIN": ["explain", started.directory],
        "CONFIG SHOW": ["config", "show"],
        "CDI LIST AND VALIDATE": ["cdi", "list", "--spec-dir", tmp_path],
        "CACHE SHOW": ["cache", "show"], "CACHE DROP": ["cache", "drop"],
        "LOG": ["log", started.name], "BLAME": ["blame", started.name]}
    environment = {**os.environ, "NVIDIA_CTK_CONFIG_FILE_PATH": str(started.settings)}

    def output(head):
        done = subprocess.run([grapnel.program, *words[head], "--json"], env=environment,
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in ({0, 3, 4} if head == "DOCTOR" else {0}), done.stderr
        return json.loads(done.stdout)
    return output


def test_output_has_the_members_of_the_page(outputs, started):
    found = {head: outputs(head) for head in SCHEMAS}
    for head, schema in SCHEMAS.items():
        check(found[head], schema, head)
    assert started.name in [one["id"] for one in found["PS"]["containers"]]
    assert any(one["mistakes"] for one in found["CDI LIST AND VALIDATE"]["files"])
