#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/release refuses what must not be released, tools/pre-commit lays out and checks what is
committed: both in a small repository of their own."""

import datetime
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tree

ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
               "GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "n@example.com",
               "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "n@example.com"}
for variable in [name for name in ENVIRONMENT if name.startswith("GIT_DIR") or name == "GIT_INDEX_FILE"]:
    del ENVIRONMENT[variable]


class Repository:
    def __init__(self, directory, root, *paths):
        self.directory = pathlib.Path(directory)
        for path in paths:
            target = self.directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if (pathlib.Path(root) / path).is_dir():
                shutil.copytree(pathlib.Path(root) / path, target)
            else:
                shutil.copy(pathlib.Path(root) / path, target)
        self.git("init", "-q", "-b", "main")

    def run(self, *command):
        return subprocess.run(command, cwd=self.directory, env=ENVIRONMENT, capture_output=True,
                              text=True)

    def git(self, *arguments):
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, path, text):
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "-m", "x")


def utc_date():
    return datetime.datetime.now(datetime.timezone.utc).date()


def release_complaints(root, directory):
    today = utc_date()
    complaints = list(release_complaints_of(root, directory, today))
    return complaints if utc_date() == today else []  # midnight: the heading is yesterday's


def release_complaints_of(root, directory, today):
    repository = Repository(directory, root, "tools")
    heading = f"## 1.2.3 - {today}\n"
    repository.write("meson.build", "project(\n  'grapnel',\n  version: '1.2.3',\n)\n")

    def answers(what, code, text):
        done = repository.run("tools/release", "--check")
        if done.returncode != code or text not in done.stdout + done.stderr:
            yield f"tools/release: {what}: {done.returncode}: {done.stdout}{done.stderr}"

    for changelog, error in {
        "": "CHANGELOG.md: the first version is ''",
        "## 1.2.3 - unreleased\n\n- x\n": "write '## 1.2.3 -",
        f"## 1.2.2 - {today}\n\n- x\n\n{heading}\n- x\n": "write '## 1.2.3 -",
        f"{heading}\n## 1.2.2 - 2026-01-01\n\n- x\n": "nothing stands below",
    }.items():
        repository.write("CHANGELOG.md", "# Changelog\n\n" + changelog)
        repository.commit()
        yield from answers(repr(changelog), 1, error)
    repository.write("CHANGELOG.md", f"# Changelog\n\n{heading}\n- x\n")
    yield from answers("a changed file", 1, "the tree has changes")
    repository.commit()
    yield from answers("all is well", 0, "v1.2.3 can be released")
    for path, old, new, error in (
        ("debian/changelog", "grapnel (1.2.2-1) unstable\n", "grapnel (1.2.3-1) unstable\n", "dch -v 1.2.3"),
        ("rpm/grapnel.spec", "Version: 1.2.30\n", "Version:        1.2.3\n", "write 'Version: 1.2.3'"),
    ):
        repository.write(path, old)
        repository.commit()
        yield from answers(old, 1, f"{path}: ")
        yield from answers(old, 1, error)
        repository.write(path, new)
        repository.commit()
        yield from answers(new, 0, "v1.2.3 can be released")
    repository.write("new", "")
    yield from answers("an unknown file", 1, "?? new")
    repository.commit()
    repository.git("checkout", "-q", "-b", "other")
    yield from answers("another branch", 1, "not the branch main")
    repository.git("checkout", "-q", "main")
    repository.git("tag", "v1.2.3")
    yield from answers("a second time", 1, "the tag v1.2.3 exists")


def pre_commit_complaints(root, directory):
    repository = Repository(directory, root, "tools", "tests/lint", ".clang-format")
    installed = repository.run("tools/pre-commit", "--install")
    assert installed.returncode == 0, installed.stderr
    if not os.access(repository.directory / ".git/hooks/pre-commit", os.X_OK):
        yield "tools/pre-commit --install installs nothing"
    repository.write("lib/base/x.cpp", "// SPDX-License-Identifier: Apache-2.0\nint   x ;\n")
    repository.git("add", "lib/base/x.cpp")
    done = repository.run("tools/pre-commit")
    staged = repository.git("show", ":lib/base/x.cpp")
    if "int x;" not in staged and shutil.which("clang-format"):
        yield f"tools/pre-commit lays out no staged file: {staged}{done.stderr}"
    repository.write("lib/base/y.cpp", "int y;\n")
    repository.git("add", "lib/base/y.cpp")
    done = repository.run("git", "commit", "-m", "x")
    if done.returncode == 0 or "lib/base/y.cpp: the first line" not in done.stdout + done.stderr:
        yield f"a file without a licence is committed: {done.stdout}{done.stderr}"


def main(root):
    if shutil.which("git") is None:
        tree.skip("git is not installed")
    complaints = []
    for check in (release_complaints, pre_commit_complaints):
        with tempfile.TemporaryDirectory() as directory:
            complaints += check(root, directory)
    tree.finish(complaints)


main(sys.argv[1])
