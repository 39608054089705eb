// SPDX-License-Identifier: Apache-2.0
// Work that must end in time, whatever file system it touches: a system call on a FUSE or NFS mount
// of a server that never answers cannot be interrupted, not even by SIGKILL.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <functional>
#include <string>
#include <vector>

namespace grapnel::confine {

/// For all that touches a container's file systems: kubelet gives its runtime two minutes.
constexpr int container_time_limit_ms = 60'000;

/// The cure of a look at the host that is late.
constexpr auto late_host_cure =
    "a file system of the host does not answer: look at its mounts (FUSE, NFS)";

/// | subject   | the child's standard output                  | its standard error          |
/// | container | through a pipe to standard error             | through a pipe to the same  |
/// | host      | kept in memory until the child ended in time | through a pipe to the same  |
struct Supervision {
    enum class Subject { container, host } subject = Subject::container;
    int time_limit_ms = container_time_limit_ms;
};

struct Supervised {
    int code = 0;            ///< the work's result
    std::string denied = {}; ///< the line that ended it, of a fatal signal (fatal_signal.hpp)
    Status confined = {};    ///< an error: this process keeps its files (landlock.hpp)
};

/// Runs `work` in a child process and returns its result, which becomes the child's exit status.
/// A child that cannot be killed holds none of this process's standard descriptors. This process
/// gives up every Linux capability but CAP_DAC_OVERRIDE, for the log, and all files except below
/// `log_directories` (landlock.hpp).
///
/// An error if the child runs longer than its time limit (it is killed, and left behind if it
/// hangs in the kernel) or is ended by a signal. The child is killed when this process ends.
[[nodiscard]] Result<Supervised> supervise(const Supervision& supervision,
                                           const std::vector<HostPath>& log_directories,
                                           const std::function<int()>& work);

} // namespace grapnel::confine
