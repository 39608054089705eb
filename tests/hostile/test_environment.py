# SPDX-License-Identifier: Apache-2.0
"""Variables that loaders, C libraries and other programs obey stand in the environment of each
program: no system call of it or of its children names one of their paths, and no child has them."""

import os
import re
import subprocess

import pytest
from conftest import built, need

LOADER = ("LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_DEBUG_OUTPUT", "LD_PROFILE_OUTPUT",
          "LD_ORIGIN_PATH")
LIBRARY = ("GCONV_PATH", "LOCPATH", "NLSPATH", "TZ", "TZDIR", "TMPDIR", "TMP", "TEMP", "HOME",
           "MALLOC_TRACE", "RESOLV_CONF", "HOSTALIASES", "LOCALDOMAIN", "GETCONF_DIR", "LANGUAGE",
           "ARGP_HELP_FMT", "POSIXLY_CORRECT", "SECCOMP_FILTER", "LIBSECCOMP_ROOT")
OTHERS = ("XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DBUS_SYSTEM_BUS_ADDRESS",
          "DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET", "BASH_ENV", "ENV", "PYTHONPATH", "CUDA_HOME",
          "NVIDIA_DRIVER_ROOT", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
          "CUDA_INJECTION64_PATH")
VALUES = {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "85", "MALLOC_ARENA_MAX": "x", "LD_DEBUG": "all",
          "LD_BIND_NOW": "1", "LD_SHOW_AUXV": "1", "LD_TRACE_LOADED_OBJECTS": "1", "LC_ALL": "../../evil",
          "LANG": "../../evil", "GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.rtld.optional_static_tls=0",
          "POSIX": "1", "LIBC_FATAL_STDERR_": "1", "IFS": "/"}


@pytest.fixture
def environment(tmp_path):
    """Options of strace that set them for the program alone; all lead to the directory evil."""
    evil = tmp_path / "evil"
    evil.mkdir()
    source = evil / "evil.c"
    source.write_text("#include <stdlib.h>\n__attribute__((constructor)) static void run(void) "
                      "{ abort(); }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", evil / "evil.so"], check=True)
    values = {**VALUES, "PATH": str(evil)}
    values |= {name: str(evil / "evil.so") for name in (*LOADER, *LIBRARY, *OTHERS)}
    return [word for name, value in values.items() for word in ("-E", f"{name}={value}")]


@pytest.fixture
def watch(environment, tmp_path):
    """Runs a program with these variables and returns what ended and what it called."""
    need("strace")

    def run(command, more=(), **options):
        record = tmp_path / "trace"
        done = subprocess.run(
            ["strace", "-f", "-qq", "-s", "4096", "-o", record, "-e", "trace=%file,%network,execveat",
             *environment, *more, *command], capture_output=True, text=True, timeout=60, check=False,
            **options)
        called = record.read_text()
        assert "evil" not in called, re.findall(".*evil.*", called)
        # the first one starts the program itself
        started = re.findall(r"^\d+ +execve(?:at)?\(.*", called, re.M)[1:]
        return done, [line for line in started if "= 0" in line]
    return run


def has_no_variables(line):
    return "0x" not in line.rpartition("]")[2] or "/* 0 vars */" in line


@pytest.mark.parametrize("ldcache", ["auto", "ldconfig"])
def test_hook_looks_at_no_variable(hand_made, bundle, watch, ldcache):
    bundle.set_settings(f'ldcache = "{ldcache}"\n')
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    command = [bundle.hook, f"--config={bundle.settings}"]
    for stage, text in (("prestart", made.state()), ("poststop", made.state()),
                        ("precreate", (bundle.directory / "config.json").read_text())):
        done, children = watch([*command, stage], input=text)
        assert (done.returncode, done.stderr) == (0, ""), stage
        assert all(map(has_no_variables, children)), children
        if stage == "prestart":
            assert len(children) == (ldcache == "ldconfig")


def test_runtime_hands_no_variable_to_the_hook(programs, bundle, watch, tmp_path):
    """PATH, in which the runtime looks for runc, is of the engine: see SECURITY.md."""
    runc = tmp_path / "runc"
    runc.write_text("#!/bin/true\n")
    runc.chmod(0o755)
    bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{runc}"]\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    # to become runc it needs all that the engine gave it: what that does is not the runtime's
    done, children = watch(
        [programs / "grapnel-runtime", "create", "--bundle", bundle.directory, bundle.name],
        more=["-E", f"NVIDIA_CTK_CONFIG_FILE_PATH={bundle.settings}", "-E", "LD_PRELOAD", "-E",
              "LD_AUDIT", "-E", "LD_LIBRARY_PATH", "-E", "LD_DEBUG", "-E", "LD_TRACE_LOADED_OBJECTS",
              "-E", "GLIBC_TUNABLES", "-E", "LD_SHOW_AUXV"], input="")
    assert (done.returncode, done.stderr) == (0, "")
    hooks = [line for line in children if "grapnel-hook" in line]
    assert len(hooks) == 1 and has_no_variables(hooks[0]), children


def test_command_line_looks_at_no_variable(hook, watch):
    program = built(hook, "container-cli", "grapnel-cli")
    plain = subprocess.run([program, "list"], env={}, capture_output=True, text=True, check=True)
    done, children = watch([program, "list"])
    assert (done.returncode, done.stdout, children) == (0, plain.stdout, [])
    assert os.path.basename(program) == "grapnel-cli"
