#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages name files, functions and types that exist: links lead to a file, paths are in the tree, and
names in pages for developers stand in the sources. CHANGELOG.md speaks of the past."""

import fnmatch
import pathlib
import posixpath
import re
import sys

import tree

# pages for developers: paths can begin at the page, and names are looked up
DEVELOPERS = ("CONTRIBUTING.md", "doc/dev/", "lib/README.md", "tests/")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^(?: {4}|\t)(.+)$", re.M)
PATH = re.compile(r"[\w.*+-]+(?:/[\w.*+-]+)*/?")
# Type, a::b, a_b, each with () or without
NAME = re.compile(r"(?:(?:\w+::)*(?:[A-Z]+[a-z]\w*|\w+_\w+)|(?:\w+::)+\w+|(?:\w+::)*\w+\(\))(?:\(\))?")


class Tree:
    def __init__(self, root):
        files = [str(path) for path in tree.files(root)]
        self.paths = set(files)
        for path in files:
            self.paths.update(str(parent) for parent in pathlib.PurePath(path).parents)
        self.names = {path.rpartition("/")[2] for path in files}
        code = [path for path in files if not path.endswith(".md")
                and not path.startswith(("tests/fuzz/corpus/", "tests/scenario/cases/"))]
        text = "\n".join(pathlib.Path(root, path).read_text(errors="replace") for path in code)
        self.words = set(re.findall(r"\w+", text))
        sources = "\n".join(line for path in code if path.endswith((".cpp", ".hpp", ".py"))
                            for _, line in tree.code_lines(tree.text(root, path)))
        self.functions = set(re.findall(r"\b(\w+)\s*(?:<[^<>]*>)?\(", sources))

    def has(self, path, page):
        """A path from the root or, in a page for developers, from its directory; `*` and NAME stand
        for any name."""
        path = path.rstrip("/").replace("NAME", "*")
        for base in ("", posixpath.dirname(page) if page.startswith(DEVELOPERS) else ""):
            whole = posixpath.normpath(posixpath.join(base, path))
            if whole in self.paths or ("*" in path and fnmatch.filter(self.paths, whole)):
                return True
        return False

    def begins(self, path, page):
        """Whether the path's first part is a directory here; else it is another system's."""
        first = path.split("/")[0]
        return self.has(first, page) and not first.startswith("build")


def links(text, page, known):
    for target in LINK.findall(text):
        if not re.match(r"[a-z]+:", target):
            whole = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
            if whole not in known.paths:
                yield f"the link {target} leads to no file"


def paths(text, page, known):
    commands = [code for code in CODE.findall(text) + BLOCK.findall(text)
                if not code.startswith("ninja ")]  # which names targets
    words = {word for code in commands for word in code.split()}
    for word in sorted(words):
        path = word.rpartition("=")[2]
        if not PATH.fullmatch(path):
            continue
        if "/" in path and known.begins(path, page) and not known.has(path, page):
            yield f"there is no {path}"


def names(text, known):
    for word in sorted(set(CODE.findall(text))):
        if re.fullmatch(r"[\w-]+\.(?:cpp|hpp|py|md|toml|txt|scd)", word) and word not in known.names:
            yield f"there is no file {word}"
        elif NAME.fullmatch(word):
            last = word.removesuffix("()").split("::")[-1]
            if word.endswith("()") and last not in known.functions:
                yield f"there is no function {word}"
            elif last not in known.words:
                yield f"nothing is called {word}"


def main(root):
    known = Tree(root)
    complaints = []
    for path in map(str, tree.files(root, (".md",))):
        text = tree.text(root, path)
        found = list(links(text, path, known))
        if path != "CHANGELOG.md":
            found += paths(text, path, known)
        if path.startswith(DEVELOPERS):
            found += names(text, known)
        complaints += [f"{path}: {complaint}" for complaint in found]
    tree.finish(complaints)


main(sys.argv[1])
