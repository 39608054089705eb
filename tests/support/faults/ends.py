# SPDX-License-Identifier: Apache-2.0
"""More programs to fail: the end of a container, and a start after a hook that was killed."""

import os

from faults import host, starts


class Poststop(starts.Scenario):
    """The image is as it was, or one line says why not, and the next poststop mends it."""

    def baseline(self):
        self.make_container()
        self.start()
        self.end_container()
        calls = self.fail_call.calls(self.command("poststop"), **self.options())
        assert not self.check_image(), self.check_image()
        self.reset_cache()
        self.host = host.host_state()
        return calls

    def start(self):
        done = self.made.hook()
        assert (done.returncode, done.stderr) == (0, ""), done

    def run(self, case):
        self.make_container()
        self.start()
        self.end_container()
        outcome = self.fail_call.run(case, self.command("poststop"), **self.options())
        problems = [f"left running: {outcome.left}"] if outcome.left else []
        if outcome.code == 0:
            problems += self.check_image() + ([f"on stderr: {outcome.err}"] if outcome.err else [])
        else:
            problems += starts.one_line(case, outcome, "grapnel-hook")
        problems += self.check_end()
        self.reset_cache()
        if problems:
            self.restore()
        return outcome, problems


class NextStart(starts.Start):
    """A start on a root file system that another start, of a hook that was killed, left as it
    was then: it undoes that first."""

    keeps_inventory = True

    def prepare(self):
        name = self.bundle.name
        self.bundle.name = name + "-former"
        self.make_container()
        done = self.made.hook()
        assert (done.returncode, done.stderr) == (0, ""), done
        self.end_container()
        self.bundle.name = name
        self.reset_cache()
        super().prepare()

    def baseline(self):
        self.prepare()
        os.utime(self.bundle.root / starts.LIBRARIES)
        done = self.made.hook()
        assert (done.returncode, done.stderr) == (0, ""), done
        self.rebuilt_cache = self.seen()["cache"]
        self.finish()
        self.prepare()
        calls = self.fail_call.calls(self.command("prestart"), **self.options())
        self.whole = self.seen()
        self.finish()
        self.host = host.host_state()
        return calls

    def finish(self):
        self.end_container()
        done = self.poststop()
        assert done.returncode == 0 and not self.check_image(), self.check_image()
        self.reset_cache()

    def check_end(self):
        """The former container never comes to its poststop; another start and its end do it."""
        if (self.poststop().returncode == 0 and self.image_now() == self.image
                and host.host_state() == self.host):
            return super().check_end()
        self.make_container()
        done = self.made.hook()
        self.end_container()
        problems = [] if done.returncode == 0 else [f"the next start: {done.stderr}"]
        return problems + super().check_end()
