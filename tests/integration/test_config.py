# SPDX-License-Identifier: Apache-2.0
"""grapnel config: check, show, set and default."""

import json
import pathlib
import tomllib

import pytest

SHIPPED = pathlib.Path(__file__).parents[2] / "config/config.toml"
NVIDIAS = """\
disable-require = false
#swarm-resource = "DOCKER_RESOURCE_GPU"

[nvidia-container-cli]
#root = "/run/nvidia/driver"
environment = []
load-kmods = true # comment
ldconfig = "@/sbin/ldconfig.real"

[nvidia-container-runtime]
log-level = "info"
runtimes = [
    "docker-runc", # first
    "runc",
]
unknown-to-all = 3
"""


@pytest.fixture
def settings(tmp_path):
    """Of Grapnel's dialect, unless another directory is named."""
    def write(text, directory="grapnel"):
        path = tmp_path / directory / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path
    return write


def shown(grapnel, path, code=0):
    facts = json.loads(grapnel("config", "show", "--json", "--config", path, code=code).stdout)
    return facts, {entry["key"]: entry for entry in facts["settings"]}


def test_show_names_value_and_source_of_each_key(grapnel, settings):
    path = settings('ldcache = "off"\n\n[nvidia-container-cli]\nno-cgroups = true\n')
    facts, keys = shown(grapnel, path)
    assert facts["file"] == str(path)
    assert (keys["ldcache"]["value"], keys["ldcache"]["line"]) == ("off", 1)
    no_cgroups = keys["nvidia-container-cli.no-cgroups"]
    assert (no_cgroups["value"], no_cgroups["line"]) == (True, 4)
    assert keys["disable-require"] == {"key": "disable-require", "value": False, "line": None}
    text = grapnel("config", "show", "--config", path).stdout
    assert 'ldcache = "off"' in text and "# line 1" in text and "# default" in text


def test_check_names_line_and_meant_key(grapnel, settings):
    path = settings('ldcache = "off"\nldcahe = "on"\n')
    error = grapnel("config", "check", "--config", path, code=1).stderr
    assert f"{path}:2" in error and "did you mean 'ldcache'" in error
    wrong = settings('ldcache = "auo"\n')
    assert "did you mean 'auto'" in grapnel("config", "check", "--config", wrong, code=1).stderr
    assert "no mistake" in grapnel("config", "check", "--config", settings("")).stdout


def test_default_is_the_installed_file(grapnel):
    assert grapnel("config", "default").stdout == SHIPPED.read_text()


def test_set_uncomments_the_default(grapnel, settings):
    path = settings(SHIPPED.read_text())
    grapnel("config", "set", "ldcache", "off", "--config", path)
    grapnel("config", "set", "nvidia-container-cli.no-cgroups", "true", "--config", path)
    expected = SHIPPED.read_text().replace('#ldcache = "auto"', 'ldcache = "off"').replace(
        "#no-cgroups = false", "no-cgroups = true")
    assert path.read_text() == expected


@pytest.mark.parametrize("key, word, before, after", [
    ("disable-require", "true", "disable-require = false", "disable-require = true"),
    ("swarm-resource", "A,B", '#swarm-resource = "DOCKER_RESOURCE_GPU"', 'swarm-resource = "A,B"'),
    ("nvidia-container-cli.load-kmods", "false", "load-kmods = true #", "load-kmods = false #"),
    ("nvidia-container-cli.root", "/host", '#root = "/run/nvidia/driver"', 'root = "/host"'),
    ("nvidia-container-runtime.runtimes", "crun", '[\n    "docker-runc", # first\n    "runc",\n]',
     '["crun"]'),
    ("nvidia-container-runtime.mode", "cdi", "[nvidia-container-runtime]\n",
     '[nvidia-container-runtime]\nmode = "cdi"\n'),
    ("ldcache", "off", "disable-require", 'ldcache = "off"\ndisable-require'),
    ("features.disable-cuda-compat-lib-hook", "true", "unknown-to-all = 3\n",
     "unknown-to-all = 3\n\n[features]\ndisable-cuda-compat-lib-hook = true\n"),
])
def test_set_keeps_all_else_of_nvidias_file(grapnel, settings, key, word, before, after):
    path = settings(NVIDIAS, "nvidia-container-runtime")
    grapnel("config", "set", key, word, "--config", path)
    assert path.read_text() == NVIDIAS.replace(before, after, 1)
    assert "nothing to change" in grapnel("config", "set", key, word, "--config", path).stdout


def test_set_makes_a_file_that_is_missing(grapnel, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("")
    grapnel("config", "set", "library-search-path", "/a,/b", "--config", path)
    assert tomllib.loads(path.read_text()) == {"library-search-path": ["/a", "/b"]}


@pytest.mark.parametrize("key, word, message", [
    ("ldcahe", "off", "did you mean 'ldcache'"),
    ("no-cgroups", "true", "did you mean 'nvidia-container-cli.no-cgroups'"),
    ("disable-require", "yes", "neither true nor false"),
    ("ldcache", "auo", "did you mean 'auto'"),
    ("log", "relative", "not absolute"),
])
def test_set_refuses_a_mistake(grapnel, settings, key, word, message):
    path = settings("# mine\n")
    assert message in grapnel("config", "set", key, word, "--config", path, code=1).stderr
    assert path.read_text() == "# mine\n"


def test_set_leaves_other_layouts_to_an_editor(grapnel, settings):
    text = 'nvidia-container-cli = { no-cgroups = true }\n'
    path = settings(text)
    error = grapnel("config", "set", "nvidia-container-cli.load-kmods", "false", "--config", path,
                    code=1).stderr
    assert "write it with an editor: nvidia-container-cli.load-kmods = false" in error
    assert path.read_text() == text
    grapnel("config", "set", "nvidia-container-cli.no-cgroups", "false", "--config", path)
    assert path.read_text() == text.replace("true", "false")
