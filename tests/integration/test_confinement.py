# SPDX-License-Identifier: Apache-2.0
"""What the hook takes over from whoever starts it, and what it gives up."""

import contextlib
import os
import pathlib
import re
import subprocess
import time

import container
import hand_made as hand_made_module
import pytest


@pytest.fixture
def made(hand_made, bundle):
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))


def test_a_state_with_escaped_slashes_is_understood(made):
    done = made.hook(state=hand_made_module.crun_state(made))
    assert (done.returncode, done.stderr) == (0, "")
    assert "/dev/nvidia0" in made.mounts()


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_the_umask_of_the_caller_has_no_effect(made, bundle, mask):
    before = set(container.listing(bundle.root))
    done = made.hook(preexec_fn=lambda: os.umask(mask))
    assert (done.returncode, done.stderr) == (0, "")
    for place in set(container.listing(bundle.root)) - before:
        path = bundle.root / place
        if not path.is_symlink():
            mode = path.lstat().st_mode & 0o7777
            assert mode == (0o755 if path.is_dir() else 0o644), place
    assert (bundle.root / "etc/ld.so.cache").stat().st_mode & 0o7777 == 0o644
    record = bundle.record
    assert record.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_closed_descriptors_do_no_harm(made, closed):
    redirections = " ".join(f"{fd}>&-" for fd in closed.split(" "))
    done = made.hook(prefix=["sh", "-c", f'exec "$@" {redirections}', "sh"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "/dev/nvidia0" in made.mounts()


@pytest.mark.parametrize("closed", ["0", "0 1 2"])
def test_a_closed_stdin_is_an_empty_state(made, bundle, closed):
    redirections = " ".join(f"{fd}{'<' if fd == '0' else '>'}&-" for fd in closed.split(" "))
    done = made.hook(prefix=["sh", "-c", f'exec "$@" {redirections}', "sh"])
    assert done.returncode == 1
    assert "/dev/nvidia0" not in made.mounts()
    # what is meant for a closed stderr goes nowhere, and into no file that was opened
    for path in bundle.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"grapnel-hook: " not in path.read_bytes(), path


def test_a_closed_stderr_leaves_the_exit_code(made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=9")
    done = made.hook(prefix=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    assert (done.returncode, done.stderr) == (1, "")
    assert "unknown device '9'" in bundle.logged()


def test_a_closed_pipe_does_not_kill_the_hook(made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=9")
    read, write = os.pipe()
    os.close(read)
    done = made.hook(capture_output=False, stdout=subprocess.DEVNULL, stderr=write)
    os.close(write)
    assert done.returncode in (1, -13)
    assert "unknown device '9'" in bundle.logged()


ENVIRONMENT = {
    "LD_PRELOAD": "/tmp/evil.so", "LD_LIBRARY_PATH": "/tmp", "LD_AUDIT": "/tmp/evil.so",
    "GCONV_PATH": "/tmp", "PATH": "/tmp", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "evil",
    "MALLOC_CHECK_": "3", "GLIBC_TUNABLES": "glibc.malloc.check=3", "LD_DEBUG": "all",
    "LD_BIND_NOW": "1", "LC_ALL": "../../tmp", "TZ": "/tmp/evil",
    "NVIDIA_VISIBLE_DEVICES": "void", "LOCPATH": "/tmp",
}


def test_the_environment_has_no_effect(made, hand_made, make_bundle, tmp_path):
    library = tmp_path / "evil.so"
    marker = tmp_path / "owned"
    source = tmp_path / "evil.c"
    source.write_text('#include <fcntl.h>\n__attribute__((constructor)) static void run(void) '
                      f'{{ open("{marker}", O_CREAT | O_WRONLY, 0644); }}\n')
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", library], check=True)
    env = {name: value.replace("/tmp/evil.so", str(library)) for name, value in
           ENVIRONMENT.items()}
    expected = made.hook()
    other = hand_made(make_bundle(name="other").env("NVIDIA_VISIBLE_DEVICES=all"))
    done = other.hook(env=env)
    assert (done.returncode, done.stdout, done.stderr) == (
        expected.returncode, expected.stdout, expected.stderr) == (0, "", "")
    assert not marker.exists()
    assert other.mounts().keys() == made.mounts().keys()


def test_ld_preload_of_an_image_runs_nothing(engine, bundle, tmp_path):
    # CVE-2025-23266: an image's LD_PRELOAD=/proc/self/cwd/x.so
    marker = tmp_path / "owned"
    source = tmp_path / "x.c"
    source.write_text('#include <fcntl.h>\n__attribute__((constructor)) static void run(void) '
                      f'{{ open("{marker}", O_CREAT | O_WRONLY, 0644); }}\n')
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", bundle.root / "x.so"], check=True)
    for entries in bundle.config["hooks"].values():
        for entry in entries:
            del entry["env"]
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "LD_PRELOAD=/proc/self/cwd/x.so",
               "LD_AUDIT=/proc/self/cwd/x.so", "NVIDIA_CTK_CONFIG_FILE_PATH=/x.so",
               "XDG_CONFIG_HOME=/", "LD_LIBRARY_PATH=/", "GCONV_PATH=/", "PATH=/")
    result = engine(bundle, args=["/bin/busybox", "true"])
    assert result.code == 0, result.err
    assert not marker.exists()


def open_files(pid):
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(entry))
    return found


def test_inherited_descriptors_are_closed(made, tmp_path):
    read, write = os.pipe()
    for _ in range(50):
        os.set_inheritable(os.dup(write), True)
    process = subprocess.Popen(
        [made.bundle.hook, f"--config={made.bundle.settings}", "prestart"], close_fds=False,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={})
    # it waits for its state with nothing open but the standard descriptors and its own helper's
    inherited = os.readlink(f"/proc/self/fd/{write}")
    for _ in range(200):
        opened = open_files(process.pid)
        if inherited not in opened and len(opened) <= 6:
            break
        time.sleep(0.01)
    assert inherited not in opened
    assert len(opened) <= 6
    out, err = process.communicate(made.state().encode(), timeout=20)
    assert (process.returncode, out, err) == (0, b"", b"")
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.fstat(int(fd)).st_ino == os.fstat(write).st_ino and int(fd) not in (read, write):
                os.close(int(fd))
        except OSError:
            pass
    os.close(read)
    os.close(write)


def test_the_program_has_no_loader(hook):
    headers = subprocess.run(["readelf", "-lW", hook], check=True, capture_output=True,
                             text=True).stdout
    assert "INTERP" not in headers
    assert "DYN (" in headers or "DYN" in headers.split("\n")[1]
    assert not re.search(r"GNU_STACK.* RWE", headers)
