// SPDX-License-Identifier: Apache-2.0
// A child that becomes another program, mostly in namespaces of its own, watched to its end: the
// common part of the cage for ldconfig and the programs of the host. Private to this module.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace grapnel::sys {

/// A file in memory (memfd_create(2)). A program can be executed from one that is executable.
enum class MemoryFile { data, executable };
[[nodiscard]] Result<Fd> memory_file(const char* name, MemoryFile kind, unsigned flags = 0);

struct Child {
    /// In the child; returns only if it fails. A child that becomes no program ends in it.
    std::function<Status(FdRef parent)> become = {};
    FdRef errors = {}; ///< where the child's failure is written
    int time_limit_ms = 0;
    /// New ones of the child. all: mount, PID, IPC, network and UTS. mounts: the mount namespace,
    /// and the table of descriptors is its parent's.
    enum class Namespaces { none, mounts, all };
    Namespaces namespaces = Namespaces::all;
};

struct Ended {
    enum class How { exited, by_signal, too_slow, unkillable };
    How how = How::exited;
    int number = 0; ///< exit status or signal
};

/// Starts it and waits. One that is too slow is
/// killed; one that does not even die then (it hangs in the kernel) is left behind, and the first
/// process of the machine gets it.
[[nodiscard]] Result<Ended> run_child(const Child& child);

/// Whether the process has ended within that time; it need not be a child.
[[nodiscard]] bool ends_within(FdRef pidfd, int milliseconds);

/// Waits for the end of a child that is held by pidfd, which is killed if it is too slow.
[[nodiscard]] Result<Ended> wait_for(FdRef pidfd, int time_limit_ms);

/// Children can be waited for as long as it lives: where SIGCHLD is ignored they cannot.
class WaitableChildren {
  public:
    WaitableChildren() {
        struct sigaction usual {};
        usual.sa_handler = SIG_DFL;
        sigaction(SIGCHLD, &usual, &former_);
    }
    ~WaitableChildren() { sigaction(SIGCHLD, &former_, nullptr); }
    WaitableChildren(const WaitableChildren&) = delete;
    WaitableChildren& operator=(const WaitableChildren&) = delete;

  private:
    struct sigaction former_ {};
};

/// For run_child's `become`:

/// Makes every mount of this new namespace private, so that nothing propagates back.
[[nodiscard]] Status make_mounts_private();
/// Standard output and error; standard input is something that cannot be read.
[[nodiscard]] Status use_descriptors(FdRef output, FdRef errors);
/// The child ends when its parent ends, and at once if it has ended already. A later change of the
/// user or fsuid undoes it.
[[nodiscard]] Status end_with(FdRef parent);
/// The same for a child that changes its credentials itself: renew_stay(), after each change, makes
/// the kernel remember it again (PR_SET_PDEATHSIG(2const)). The child ends with `status` where that
/// fails.
void stay_with(Fd parent, int status);
/// Does nothing in a process that has not called stay_with().
void renew_stay();
/// Executes the open file with an empty environment. Returns only if it fails.
[[nodiscard]] Status execute(FdRef program, const std::vector<std::string>& arguments);

/// The last line in a file that a child wrote to; empty if it cannot be had.
[[nodiscard]] std::string last_line(FdRef file);

/// How it ended, for an error: "failed with status 1: 'words'".
[[nodiscard]] std::string describe(const Ended& ended, const std::string& words);

} // namespace grapnel::sys
