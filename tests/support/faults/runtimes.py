# SPDX-License-Identifier: Apache-2.0
"""More programs to fail: grapnel-runtime, with a stand-in for runc below it."""

import json
import os
import shutil

from faults import host, starts

STAND_IN = """#!/bin/busybox sh
# writes down that it was called, and for an update with which resources
directory={directory}
case " $* " in
*" state "*)
    cat "$directory/state.json"
    exit ;;
*" update "*)
    [ -e "$directory/resources.json" ] && case " $* " in
    *" --resources=- "*) cat > "$directory/called" ;;
    *) cp "$directory/resources.json" "$directory/called" ;;
    esac
    exit ;;
esac
: > "$directory/called"
"""
DENY_ALL = {"devices": [{"allow": False, "access": "rwm"}]}


class Create(starts.Scenario):
    """config.json with the hook and runc called, or one line and config.json as it was."""

    def __init__(self, name, tools, fail_call, bundle):
        super().__init__(name, tools, fail_call, bundle)
        self.programs = bundle.directory / "bin"
        self.programs.mkdir()
        for program in ("hook/grapnel-hook", "runtime/grapnel-runtime"):
            shutil.copy(bundle.hook.parent.parent / program, self.programs)
        self.low_level = bundle.directory / "low-level"
        self.low_level.mkdir()
        runc = self.programs / "runc"
        runc.write_text(STAND_IN.format(directory=self.low_level))
        runc.chmod(0o755)
        bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{runc}"]\n')
        bundle.config["hooks"] = {}
        bundle.write_config(["/bin/true"])
        self.config = bundle.directory / "config.json"
        self.given = self.config.read_bytes()
        self.called = self.low_level / "called"

    def command(self, stage):
        return [self.programs / "grapnel-runtime", "create", "--bundle", self.bundle.directory,
                self.bundle.name]

    def options(self):
        return {"input": "", "env": {"PATH": f"{self.programs}:{os.environ['PATH']}",
                                     "NVIDIA_CTK_CONFIG_FILE_PATH": str(self.bundle.settings)}}

    def reset(self):
        self.config.write_bytes(self.given)
        self.called.unlink(missing_ok=True)
        self.bundle.log.unlink(missing_ok=True)

    def files(self):
        return {name for name in os.listdir(self.bundle.directory) if name != "grapnel.log"}

    def baseline(self):
        calls = self.fail_call.calls(self.command("create"), **self.options())
        self.whole = self.config.read_bytes()
        assert self.called.exists() and self.whole != self.given
        self.reset()
        self.names = self.files()
        self.host = host.host_state()
        return calls

    def run(self, case):
        outcome = self.fail_call.run(case, self.command("create"), **self.options())
        problems = [f"left running: {outcome.left}"] if outcome.left else []
        if outcome.code == 0:
            problems += self.check_whole(outcome)
        else:
            problems += starts.one_line(case, outcome, "grapnel-runtime")
            problems += self.check_nothing()
        problems += self.check_bundle(outcome)
        if host.host_state() != self.host:
            problems.append(f"on the host: {host.difference(self.host, host.host_state())}")
        self.reset()
        return outcome, problems

    def check_whole(self, outcome):
        problems = [f"on stderr: {outcome.err}"] if outcome.err else []
        if self.config.read_bytes() != self.whole or not self.called.exists():
            problems.append("not whole")
        return problems

    def check_bundle(self, outcome):
        """The engine deletes the bundle of a container that it could not make, and what a killed
        process left there with it."""
        if outcome.code is None:
            for left in self.bundle.directory.glob(".config.json.grapnel-*"):
                left.unlink()
        if self.files() != self.names:
            return [f"beside config.json: {self.files() ^ self.names}"]
        return []

    def check_nothing(self):
        problems = ["runc was called"] if self.called.exists() else []
        if self.config.read_bytes() not in (self.given, self.whole):
            problems.append("config.json is neither the old nor the new one")
        return problems


class Update(Create):
    """The engine's update is made, with Grapnel's device rules or a warning."""

    def __init__(self, name, tools, fail_call, bundle):
        super().__init__(name, tools, fail_call, bundle)
        self.resources = self.low_level / "resources.json"
        self.resources.write_text(json.dumps(DENY_ALL))
        (self.low_level / "state.json").write_text(bundle.state(pid=1, status="running"))

    def baseline(self):
        super().baseline()
        self.fail_call.calls(super().command("create"), **self.options())
        self.given = self.whole
        self.reset()
        calls = self.fail_call.calls(self.command("update"), **self.options())
        self.whole_update = json.loads(self.called.read_text())
        assert self.whole_update != DENY_ALL
        self.reset()
        return calls

    def command(self, stage):
        if stage == "create":
            return super().command(stage)
        return [self.programs / "grapnel-runtime", "update", "--resources", self.resources,
                self.bundle.name]

    def run(self, case):
        outcome = self.fail_call.run(case, self.command("update"), **self.options())
        problems = [f"left running: {outcome.left}"] if outcome.left else []
        if outcome.code == 0:
            made = json.loads(self.called.read_text()) if self.called.exists() else None
            if made != self.whole_update and not (made == DENY_ALL
                                                  and " warning: " in self.bundle.logged()):
                problems.append(f"updated with {made}")
        else:
            problems += starts.one_line(case, outcome, "grapnel-runtime")
        if self.config.read_bytes() != self.given or self.files() != self.names:
            problems.append("the bundle changed")
        self.reset()
        return outcome, problems


KINDS = {"create": (Create, ""), "update": (Update, "")}
