# SPDX-License-Identifier: Apache-2.0
"""The directory of an engine's configuration is exchanged with another while grapnel configure works
there: no text of one directory comes to the other, and each file is whole."""

import json
import os
import subprocess
import time

import pytest
import test_bundle_races
from engines import process

SECONDS = 4


@pytest.fixture
def directories(tmp_path):
    """A user's, and one of root's that a link beside it leads to."""
    process.make_reachable(tmp_path)
    ground = tmp_path / "ground"
    ground.mkdir()
    places = [ground / "mine", tmp_path / "theirs"]
    for place in places:
        place.mkdir()
        (place / "daemon.json").write_text(json.dumps({place.name: "x" * 10_000}))
    os.chmod(places[1] / "daemon.json", 0o600)
    (ground / "link").symlink_to(places[1])
    for place in (ground, places[0], places[0] / "daemon.json"):
        os.chown(place, process.USER_ID, process.USER_ID)
    return places


def test_exchanged_directory_mixes_no_configurations(grapnel, tools, directories):
    mine, theirs = directories
    link = mine.parent / "link"
    words = [grapnel.program, "configure", "docker", "--config", mine / "daemon.json",
             "--runtime-path", "/bin/true"]
    deadline = time.monotonic() + SECONDS
    outcomes = []
    with test_bundle_races.exchanged(tools, mine, link):
        while time.monotonic() < deadline or len(outcomes) < 10:
            for more in ([], ["--unset"]):
                done = subprocess.run([*words, *more], capture_output=True, text=True, timeout=60,
                                      check=False)
                assert done.returncode in (0, 1)
                assert done.stderr.count("\n") == done.returncode, done.stderr
                outcomes.append(done.returncode)
    assert 0 in outcomes
    real = link if mine.is_symlink() else mine
    for one, other in ((real, "theirs"), (theirs, "mine")):
        for path in one.iterdir():
            text = path.read_text()
            assert f'"{other}"' not in text, path
            if not path.name.endswith(".grapnel-new"):
                json.loads(text)
