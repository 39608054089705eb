# SPDX-License-Identifier: Apache-2.0
"""The defences that tests/hostile/without takes out: one file each in tests/hostile/defences, and
the table of SECURITY.md that they stand in."""

import dataclasses
import pathlib
import re
import tomllib

DIRECTORY = "tests/hostile/defences"
PAGE = "SECURITY.md"
COLUMNS = ("promise", "defence", "test", "attack", "without")
UNIT = re.compile(r"unit/(\w+): (.+)")  # a program of tests/unit, and one of its cases


@dataclasses.dataclass
class Defence:
    """tests/hostile/defences/NAME.toml:

    tests = ["tests/hostile/test_x.py::test_y[kind]", "unit/sys: a case"]   these fail without it,
    cause = "a regular expression"         for this reason, which the output of each test contains
    raises = "TimeoutExpired"              instead of a failed assertion: for a hook that hangs
    programs = ["grapnel-cli"]             built beside the hook, or the program of the file
    [[change]]                             each text is in its file exactly once
    file = "lib/sys/root_dir.cpp"
    old = "..."
    new = "..."
    """

    name: str
    tests: list
    cause: str
    change: list
    raises: str = "AssertionError"
    programs: list = dataclasses.field(default_factory=list)

    @property
    def files(self):
        return [change["file"] for change in self.change]

    @property
    def test_names(self):
        """Functions in Python, and programs of unit tests."""
        return {UNIT.sub(r"\1_test", test) if UNIT.fullmatch(test)
                else test.split("::")[1].partition("[")[0] for test in self.tests}


def load(top):
    """All of them by name; ValueError: a file is not of that form."""
    found = {}
    for path in sorted((pathlib.Path(top) / DIRECTORY).glob("*.toml")):
        try:
            found[path.stem] = Defence(name=path.stem, **tomllib.loads(path.read_text()))
            re.compile(found[path.stem].cause)
            assert found[path.stem].tests and found[path.stem].change, "no test or no change"
        except (TypeError, AssertionError, re.error, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error
    return found


def applied(top, defence):
    """{file: its text without the defence}; ValueError: a text is not in its file exactly once."""
    texts = {}
    for change in defence.change:
        file, old = change["file"], change["old"]
        text = texts.get(file) or (pathlib.Path(top) / file).read_text()
        if text.count(old) != 1:
            raise ValueError(f"{DIRECTORY}/{defence.name}.toml: its text is {text.count(old)} times "
                             f"in {file}: {old.strip().splitlines()[0]}")
        texts[file] = text.replace(old, change["new"])
    return texts


def rows(top):
    """(line, {column: cell}) of each table of the page that has these columns."""
    inside = False
    for number, line in enumerate((pathlib.Path(top) / PAGE).read_text().splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        inside = cells == list(COLUMNS) or (inside and bool(cells))
        if inside and cells[0] != COLUMNS[0] and not set(cells[0]) <= set("-: "):
            yield number, dict(zip(COLUMNS, cells, strict=True))


def names(cell):
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
