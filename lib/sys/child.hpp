// SPDX-License-Identifier: Apache-2.0
// A child process that executes another program, usually in new namespaces, with a deadline: the
// common part of the cage for ldconfig and the programs of the host.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace grapnel::sys {

/// A file in memory (memfd_create(2)). MFD_EXEC is set for an executable file.
enum class MemoryFile { data, executable };
[[nodiscard]] Result<Fd> memory_file(const char* name, MemoryFile kind, unsigned flags = 0);

struct Child {
    /// Runs in the child, and returns only if it fails: it executes a program, or calls _exit().
    std::function<Status(FdRef parent)> become = {};
    FdRef errors = {}; ///< the child writes its failure to it
    int time_limit_ms = 0;
    /// The child's new namespaces.
    /// | all    | mount, PID, IPC, network, UTS                                   |
    /// | mounts | mount; the child shares its parent's descriptors (CLONE_FILES)  |
    enum class Namespaces { none, mounts, all };
    Namespaces namespaces = Namespaces::all;
};

struct Ended {
    enum class How { exited, by_signal, too_slow, unkillable };
    How how = How::exited;
    int number = 0; ///< exit status or signal
};

/// Starts the child and waits for its end. At the deadline the child is killed. A child that hangs
/// in the kernel and does not die within two seconds is left to PID 1 (`unkillable`).
[[nodiscard]] Result<Ended> run_child(const Child& child);

/// Whether the process ends within that time; it need not be a child.
[[nodiscard]] bool ends_within(FdRef pidfd, int milliseconds);

/// Waits for the end of the child behind `pidfd`, and kills it at the deadline.
[[nodiscard]] Result<Ended> wait_for(FdRef pidfd, int time_limit_ms);

/// Sets the default action of SIGCHLD for its lifetime: waitid(2) fails while SIGCHLD is ignored.
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

/// The following functions are for Child::become.

/// Makes every mount of this new namespace private, so that nothing propagates back.
[[nodiscard]] Status make_mounts_private();
/// Sets standard output and error; standard input becomes a descriptor that cannot be read.
[[nodiscard]] Status use_descriptors(FdRef output, FdRef errors);
/// The child ends when its parent ends, and fails if the parent has ended already. A later change
/// of the user or fsuid undoes it (PR_SET_PDEATHSIG(2const)).
[[nodiscard]] Status end_with(FdRef parent);
/// end_with() for a child that changes its own credentials: it calls renew_stay() after each
/// change. If that fails, the child ends with `status`.
void stay_with(Fd parent, int status);
/// Repeats end_with() after stay_with(); else does nothing.
void renew_stay();
/// Executes the open file with an empty environment. Returns only if it fails.
[[nodiscard]] Status execute(FdRef program, const std::vector<std::string>& arguments);

/// The last line of a file that a child wrote to; empty if the file cannot be read.
[[nodiscard]] std::string last_line(FdRef file);

/// The end of a child, for an error: "failed with status 1: 'words'".
[[nodiscard]] std::string describe(const Ended& ended, const std::string& words);

} // namespace grapnel::sys
