# SPDX-License-Identifier: Apache-2.0
"""grapnel-runtime parses JSON in a process that can do nothing else."""

import json
import re
import subprocess

import pytest
from test_runtime import call, config_of, plain  # noqa: F401

CALLS = {"open": (2, "/etc/passwd", 0), "openat": (257, -100, "/etc/passwd", 0),
         "openat2": (437, -100, "/etc/passwd", 0, 0), "create": (85, "/tmp/taken-over", 0o644),
         "execve": (59, "/bin/true", 0, 0), "execveat": (322, -100, "/bin/true", 0, 0, 0),
         "socket": (41, 1, 1, 0), "fork": (57,), "clone": (56, 17, 0, 0, 0, 0),
         "ptrace": (101, 16, 1, 0, 0), "mount": (165, "none", "/mnt", "tmpfs", 0, 0),
         "unlink": (87, "/tmp/taken-over"), "kill": (62, -1, 9), "dup": (32, 1),
         "io_uring_setup": (425, 1, 0), "prctl": (157, 24, 0), "setns": (308, 1, 0),
         "memfd_create": (319, "x", 0), "read": (0, 0, 0, 1)}
SIGSYS = 31


def take_over(bundle, runtime, tools, *call_words):
    """grapnel-runtime with that system call in the place of the confined process's answer."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    bundle.host = [*bundle.host, tools.take_over, *map(str, call_words), "--"]
    return call(bundle, runtime, "create", "-b", bundle.directory, "c1", write=False)


def test_reader_of_config_has_no_rights(plain, runtime, tools):  # noqa: F811
    done = take_over(plain, runtime, tools, 1, 1, "x", 0)
    status = dict(re.findall(r"^(\w+):\s*(\S+)$", done.stdout, re.M))
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert "result 0" in done.stdout


def test_reader_of_config_has_few_resources(plain, runtime, tools):  # noqa: F811
    done = take_over(plain, runtime, tools, 1, 1, "x", 0)
    limits = dict(re.findall(r"^Max ([a-z ]+?) {2,}(\S+) ", done.stdout, re.M))
    assert limits["cpu time"] == "10"
    assert limits["data size"] in (str(1 << 30), "unlimited")  # AddressSanitizer needs more
    assert limits["file size"] == str(1 << 20)
    assert (limits["open files"], limits["processes"]) == ("0", "0")


@pytest.mark.parametrize("name", CALLS)
def test_taken_over_reader_can_do_nothing(plain, runtime, tools, name):  # noqa: F811
    before = plain.directory / "config.json"
    done = take_over(plain, runtime, tools, *CALLS[name])
    assert f"killed by {SIGSYS}" in done.stdout
    assert done.returncode == 1
    assert re.fullmatch(r"grapnel-runtime: .*config\.json: the confined process was ended by "
                        r"signal 31\n", done.stderr)
    assert "hooks" not in json.loads(before.read_text())


@pytest.mark.parametrize("more", [
    '["mounts"] = [{"destination": "/mnt", "source": "/", "type": "bind", "options": ["rbind"]}]',
    '["hooks"]["prestart"].append({"path": "/bin/sh", "args": ["sh"], "env": []})',
    '["linux"]["resources"]["devices"].append({"allow": True, "access": "rwm"})',
    '["process"]["args"] = ["/bin/sh"]'])
def test_hook_that_adds_more_is_refused(plain, runtime, tmp_path, more):  # noqa: F811
    """A hook that was taken over must not choose what runc does."""
    hook = runtime.parent / "grapnel-hook"
    (tmp_path / "grapnel-runtime").write_bytes(runtime.read_bytes())
    (tmp_path / "grapnel-runtime").chmod(0o755)
    taken = tmp_path / "grapnel-hook"
    source = tmp_path / "taken.c"
    edit = ("import json, subprocess, sys; "
            f"spec = json.loads(subprocess.run(['{hook}', *sys.argv[1:]], stdin=sys.stdin, "
            f"stdout=subprocess.PIPE, check=True).stdout); spec{more}; print(json.dumps(spec))")
    source.write_text("#include <unistd.h>\nint main(int argc, char** argv) {\n"
                      "char* words[64] = {\"python3\", \"-c\", " + json.dumps(edit) + "};\n"
                      "for (int i = 1; i < argc; ++i) words[i + 2] = argv[i];\n"
                      'return execv("/usr/bin/python3", words); }\n')
    subprocess.run(["gcc", "-o", taken, source], check=True)
    plain.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    before = (plain.directory / "config.json").read_bytes()
    done = call(plain, tmp_path / "grapnel-runtime", "create", "-b", plain.directory, "c1",
                write=False)
    assert done.returncode == 1 and "changes more of config.json" in done.stderr
    assert (plain.directory / "config.json").read_bytes() == before
