# SPDX-License-Identifier: Apache-2.0
"""Minimal Debian systems with a clone of the last commit, commands in them, and the outcomes of named
steps. Downloaded packages stay in $GRAPNEL_FRESH (/var/tmp/grapnel-fresh)."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import traceback
import xml.etree.ElementTree as xml

TOP = pathlib.Path(__file__).resolve().parents[2]
DEBIAN_ROOT = TOP / "tests/support/debian-root"
CLONE = "/root/grapnel"


def first_block(text, heading):
    """The commands of the first block, fenced or indented, below the first heading with these words."""
    section = re.search(rf"^##+ [^\n]*{heading}[^\n]*\n(.*?)(?=^##|\Z)", text, re.M | re.S | re.I)
    assert section, f"the page has no heading with '{heading}'"
    block = re.search(r"^```\w*[^\n]*\n(.*?)^```|((?:^    [^\n]*\n)+)", section[1], re.M | re.S)
    assert block, f"the page has no commands below the heading with '{heading}'"
    return commands(block[1] or block[2])


def commands(block):
    lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


class System:
    """A minimal system with a clone of the repository."""

    def __init__(self, directory, packages):
        self.root = directory
        self.packages = packages

    def prepare(self, base):
        copy_system(base, self.root)
        subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{TOP}",
                        f"{self.root}{CLONE}"], check=True)

    def command(self, *words):
        return [DEBIAN_ROOT, "run", self.root, *words]

    def environment(self):
        return {**os.environ, "DEBIAN_ROOT_DIRECTORY": CLONE,
                "DEBIAN_ROOT_BIND": f"{self.packages}:/var/cache/apt/archives"}

    def run(self, command):
        """A line of shell, as root, in the clone; its output."""
        done = subprocess.run(
            self.command("bash", "-ec", command), env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False)
        return checked(command, done.returncode, done.stdout)

    def check_lintian(self):
        """Of the packages that dpkg-buildpackage leaves beside the clone. The changelog names a suite of
        Debian, where Ubuntu's profile of lintian knows Ubuntu's alone."""
        self.run("apt-get install lintian")
        said = self.run("lintian --fail-on none --tag-display-limit 0 "
                        "--suppress-tags bad-distribution-in-changes-file ../*.changes 2> /dev/null")
        assert not said.strip(), said

    def installed(self, name):
        return self.root / "usr/local" / name


class Session:
    """One shell in a system, on the simulated driver of a directory in it: daemons and mounts last
    until end()."""

    def __init__(self, system, driver):
        self.process = subprocess.Popen(
            system.command("tests/support/simulated-host", driver, "bash"),
            env=system.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")

    def run(self, command, check=True):
        """The output of a line of shell, in a shell of its own."""
        self.process.stdin.write(f"( set -e; {command}\n) < /dev/null 2>&1; echo \"=== $?\"\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if ended := re.search(r"=== (\d+)$", line):
                text = "".join(lines) + line[:ended.start()]
                return checked(command, int(ended[1]), text) if check else text
            lines.append(line)
        raise AssertionError(f"the shell ended: {command}\n" + "".join(lines[-40:]))

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def checked(command, code, output):
    assert code == 0, f"exit code {code}: {command}\n" + "\n".join(output.splitlines()[-40:])
    return output


class Tests:
    """Runs named steps and keeps their outcomes."""

    def __init__(self, kind, suite):
        self.kind = kind
        self.suite = suite
        self.cases = xml.Element("testsuite", name=f"{kind} {suite}")
        self.failed = 0

    def step(self, name, do, *arguments):
        started = time.monotonic()
        case = xml.SubElement(self.cases, "testcase", classname=f"{self.kind}.{self.suite}", name=name)
        outcome = "ok"
        try:
            do(*arguments)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            outcome = "FAILED"
            self.failed += 1
            text = str(error) or "".join(traceback.format_exception(error))
            xml.SubElement(case, "failure", message=text.splitlines()[0]).text = text
            print(text)
        took = time.monotonic() - started
        case.set("time", f"{took:.1f}")
        print(f"{outcome:6} {took:5.0f} s  {self.suite}: {name}", flush=True)
        return outcome == "ok"

    def finish(self, junit):
        """Writes the outcomes to the file, if there is one; the exit code."""
        if junit:
            xml.ElementTree(self.cases).write(junit)
        print(f"{len(self.cases) - self.failed} passed, {self.failed} failed")
        return self.failed != 0


@contextlib.contextmanager
def work_directory(suite):
    """A directory for systems, and the one of downloaded packages."""
    kept = pathlib.Path(os.environ.get("GRAPNEL_FRESH", "/var/tmp/grapnel-fresh"))
    packages = kept / suite
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as work:
        yield pathlib.Path(work), packages


def make_base(suite, base, packages):
    """A minimal system of the suite. Programs of one run share it in $GRAPNEL_BASES, if that is set."""
    kept = os.environ.get("GRAPNEL_BASES")
    shared = pathlib.Path(kept, suite) if kept else None
    if shared and shared.exists():
        copy_system(shared, base)
        return
    debootstrap(suite, base, packages)
    if shared:
        part = shared.with_suffix(".part")
        copy_system(base, part)
        part.rename(shared)


def copy_system(source, target):
    subprocess.run(["cp", "-a", source, target], check=True)


def debootstrap(suite, base, packages):
    done = subprocess.run([DEBIAN_ROOT, "make", suite, base, packages], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, "debootstrap failed\n" + (done.stdout + done.stderr)[-3000:]
    # as strict as a list can be read: what is only recommended does not count
    (base / "etc/apt/apt.conf.d/90-strict").write_text(
        'APT::Install-Recommends "false";\nAPT::Get::Assume-Yes "true";\n'
        'APT::Keep-Downloaded-Packages "true";\n')
    # no list of packages, as in an image
    for directory in ("var/lib/apt/lists", "var/cache/apt/archives"):
        shutil.rmtree(base / directory)
        (base / directory).mkdir()
