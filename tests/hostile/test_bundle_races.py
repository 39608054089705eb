# SPDX-License-Identifier: Apache-2.0
"""The owner of a bundle's directory renames and links in it while grapnel-runtime works there:
nothing outside is written, no other file's text gets readable, and config.json is always whole."""

import contextlib
import json
import os
import subprocess
import sys
import time

import pytest
from engines import process

SECONDS = 4
SECRET = "SECRET=of-another-container"
REPLACER = """
import contextlib, os, sys
directory, target = sys.argv[1:]
while True:
    for name in os.listdir(directory):
        if name.startswith("."):
            with contextlib.suppress(OSError):
                os.unlink(f"{directory}/{name}")
                os.symlink(target, f"{directory}/{name}")
"""
READER = """
import json, os, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
count = 0
while not os.path.exists(sys.argv[2]):
    with open(os.open("config.json", os.O_RDONLY, dir_fd=directory)) as file:
        json.loads(file.read())
    count += 1
print(count)
"""


class Ground:
    """A bundle that belongs to a user, and another container's, which nobody but root may read."""

    def __init__(self, directory, bundle, runtime):
        process.make_reachable(directory)
        self.top, self.runtime = directory, runtime
        self.bundle, self.victim = directory / "bundle", directory / "victim"
        for place in (self.bundle, self.victim):
            place.mkdir()
        bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
        config = json.loads((bundle.directory / "config.json").read_text())
        config.pop("hooks", None)
        self.write(self.bundle, config)
        config["process"]["env"].append(SECRET)
        self.write(self.victim, config)
        self.settings = bundle.settings
        (directory / "runc").symlink_to("/bin/true")  # a user's settings are the machine's
        for place in (self.top, self.bundle, self.bundle / "config.json"):
            os.chown(place, process.USER_ID, process.USER_ID)
        os.chmod(self.victim / "config.json", 0o600)
        self.before = self.state()

    @staticmethod
    def write(directory, config):
        (directory / "config.json").write_text(json.dumps(config))

    def state(self):
        found = self.victim / "config.json"
        status = found.stat()
        return (sorted(os.listdir(self.victim)), found.read_text(), status.st_ino, status.st_mode,
                status.st_uid, status.st_mtime_ns)

    def create(self, as_user):
        command = [self.runtime, "create", "--bundle", self.bundle, "c1"]
        return subprocess.run(process.as_user(command) if as_user else command, text=True,
                              env={"NVIDIA_CTK_CONFIG_FILE_PATH": str(self.settings),
                                   "PATH": f"{self.top}:{os.environ['PATH']}"},
                              capture_output=True, timeout=60, check=False)

    def check(self):
        assert self.state() == self.before, "another container's bundle was changed"
        for path in self.bundle.iterdir():
            with contextlib.suppress(OSError), open(path, opener=no_link) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self.before[2] and SECRET in file.read():
                    assert (status.st_uid, status.st_mode & 0o077) == (0, 0), path


def no_link(path, flags):
    return os.open(path, flags | os.O_NOFOLLOW)


@pytest.fixture
def ground(tmp_path, bundle, runtime):
    bundle.set_settings('[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')
    (tmp_path / "ground").mkdir()
    return Ground(tmp_path / "ground", bundle, runtime)


def race(ground, as_user=False, prepare=lambda: None):
    """Calls of the runtime, beside a reader of the bundle's config.json."""
    reader = subprocess.Popen([sys.executable, "-c", READER, ground.bundle, ground.top / "end"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    outcomes = []
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            prepare()
            done = ground.create(as_user)
            assert done.returncode in (0, 1), done
            assert done.stderr.count("\n") == done.returncode, done
            outcomes.append(done.returncode)
            ground.check()
    finally:
        (ground.top / "end").write_text("")
        text, error = reader.communicate(timeout=20)
    assert int(text or 0) > 100, error
    assert len(outcomes) >= 5
    return outcomes


@contextlib.contextmanager
def exchanged(tools, one, other):
    racer = subprocess.Popen(process.as_user([tools.racer, one, other]), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    yield
    swaps = racer.communicate("", timeout=20)[0]
    assert int(swaps.split()[0]) > 1000, "the racer did not run"


@pytest.mark.parametrize("as_user", [False, True], ids=["root", "rootless"])
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_exchanged_configuration_gives_away_no_other(ground, tools, kind, as_user):
    secret, other, new = ground.victim / "config.json", ground.bundle / "other", ground.top / "new"
    text = (ground.bundle / "config.json").read_text()

    def prepare():
        """What the runtime replaced is there again."""
        new.write_text(text)
        os.chown(new, process.USER_ID, process.USER_ID)
        new.replace(ground.bundle / "config.json")
        os.symlink(secret, new) if kind == "symlink" else os.link(secret, new)
        new.replace(other)
        new.unlink(missing_ok=True)  # rename(2) does nothing between two names of one file
    prepare()
    with exchanged(tools, ground.bundle / "config.json", other):
        assert 0 in race(ground, as_user, prepare)


def test_exchanged_directory_leads_nowhere_else(ground, tools):
    """The other one is no bundle: its config.json configures no container."""
    ground.write(ground.victim, {"auths": {}})
    ground.before = ground.state()
    other = ground.top / "other"
    other.symlink_to(ground.victim)
    with exchanged(tools, ground.bundle, other):
        assert 0 in race(ground)


@pytest.mark.parametrize("as_user", [False, True], ids=["root", "rootless"])
def test_exchanged_temporary_file_writes_nothing_outside(ground, as_user):
    racer = subprocess.Popen(
        process.as_user([sys.executable, "-c", REPLACER, str(ground.bundle),
                         str(ground.victim / "config.json")]))
    try:
        assert 0 in race(ground, as_user)
    finally:
        racer.kill()
        racer.wait()


KILLED_AT = [(call, number) for call in ("write", "fchmod", "flock", "renameat") for number in (1, 2)]


@pytest.mark.parametrize("call, number", KILLED_AT)
def test_next_start_removes_what_a_killed_runtime_left(ground, call, number):
    before = sorted(os.listdir(ground.bundle))
    command = [ground.runtime, "create", "--bundle", ground.bundle, "c1"]
    ended = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                            f"inject={call}:signal=KILL:when={number}", *command],
                           env={"NVIDIA_CTK_CONFIG_FILE_PATH": str(ground.settings),
                                "PATH": os.environ["PATH"]},
                           capture_output=True, timeout=60, check=False)
    json.loads((ground.bundle / "config.json").read_text())
    left = set(os.listdir(ground.bundle)) - set(before)
    assert left <= {".config.json.grapnel-new"}
    if number == 1:
        assert ended.returncode != 0
    assert ground.create(as_user=False).returncode == 0
    assert sorted(os.listdir(ground.bundle)) == before


@pytest.mark.parametrize("error", ["EPERM", "EIO", "ENOMEM"])
@pytest.mark.parametrize("call", ["statx", "flock", "fchmod", "renameat", "openat"])
def test_failed_call_of_the_runtime_leaves_no_file(ground, call, error):
    before = sorted(os.listdir(ground.bundle))
    command = [ground.runtime, "create", "--bundle", ground.bundle, "c1"]
    for number in range(1, 40):
        done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                               f"inject={call}:error={error}:when={number}", *command],
                              env={"NVIDIA_CTK_CONFIG_FILE_PATH": str(ground.settings),
                                   "PATH": os.environ["PATH"]},
                              capture_output=True, text=True, timeout=60, check=False)
        assert sorted(os.listdir(ground.bundle)) == before, (number, done)
