# SPDX-License-Identifier: Apache-2.0
"""grapnel info and grapnel list."""

import json
import subprocess

import container
import make_driver
from terminal import on_terminal


def test_info_has_driver_gpus_and_engines(grapnel):
    facts = json.loads(grapnel("info", "--json").stdout)
    assert facts["driver"] == {"version": make_driver.VERSION, "cuda": "13.0"}
    assert [gpu["uuid"] for gpu in facts["gpus"]] == [make_driver.uuid(0), make_driver.uuid(1)]
    assert [gpu["minor"] for gpu in facts["gpus"]] == [make_driver.minor(n, 2) for n in range(2)]
    assert facts["driver_capabilities"]["utility"]["libraries"] > 0
    assert facts["error"] is None
    text = grapnel("info").stdout
    assert f"driver {make_driver.VERSION}, CUDA 13.0" in text
    assert make_driver.uuid(1) in text


def test_info_names_mig_devices(special_driver, grapnel):
    answer = subprocess.run([container.SUPPORT / "simulated-host", special_driver,
                             grapnel.program, "info", "--json"],
                            capture_output=True, text=True, timeout=60)
    facts = json.loads(answer.stdout)
    assert any(gpu["mig"] for gpu in facts["gpus"]), answer.stderr


def test_info_without_a_driver_names_the_cause(grapnel):
    hidden = ["unshare", "--mount", "sh", "-c",
              'mount -t tmpfs none /proc/driver && exec "$@"', "sh"]
    answer = subprocess.run([*hidden, grapnel.program, "info", "--json"], capture_output=True,
                            text=True, timeout=20)
    facts = json.loads(answer.stdout)
    assert answer.returncode == 1
    assert facts["driver"] is None
    assert "driver" in facts["error"] and facts["error"] in answer.stderr


def test_list_has_the_files_of_a_request(grapnel):
    everything = grapnel("list").stdout.splitlines()
    one = grapnel("list", "--env", "NVIDIA_VISIBLE_DEVICES=1", "--env",
                  "NVIDIA_DRIVER_CAPABILITIES=utility").stdout.splitlines()
    nodes = [f"/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2)]
    assert [node in everything for node in nodes] == [True, True]
    assert [node in one for node in nodes] == [False, True]
    assert any("libnvidia-ml.so" in path for path in one)
    assert not any("libcuda.so" in path for path in one)
    plan = json.loads(grapnel("list", "--env", "NVIDIA_VISIBLE_DEVICES=1", "--json").stdout)
    assert [gpu["index"] for gpu in plan["gpus"]] == [1]


def test_list_says_why_there_is_nothing(grapnel):
    assert "NVIDIA_VISIBLE_DEVICES is not set" in grapnel("list", "--env", "A=1", code=1).stderr
    unknown = grapnel("list", "--env", "NVIDIA_VISIBLE_DEVICES=9", code=1)
    assert "unknown device '9'" in unknown.stderr


def test_colours_only_on_a_terminal(grapnel):
    assert "\033" not in grapnel("info").stdout
    assert "└─ " not in grapnel("info").stdout
    shown = on_terminal(grapnel.program, "info")
    assert "\033[" in shown and "└─ " in shown
    plain = on_terminal(grapnel.program, "info", NO_COLOR="1")
    assert "\033[" not in plain and "└─ " in plain


def test_a_wrong_word_is_a_usage_error(grapnel):
    assert "one word too many: 'x'" in grapnel("info", "x", code=2).stderr
    assert "did you mean" in grapnel("info", "--jsn", code=2).stderr
