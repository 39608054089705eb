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

struct Supervised {
    int code = 0;            ///< the work's result
    std::string denied = {}; ///< the line that ended it, of a fatal signal (fatal_signal.hpp)
    Status confined = {};    ///< an error: this process keeps its files (landlock.hpp)
};

/// Runs `work` in a child process and returns its result, which becomes the child's exit status.
/// The child's standard output and error reach this process's standard error through a pipe, so
/// that a child that cannot be killed holds no descriptor of the caller. This process gives up
/// every Linux capability but CAP_DAC_OVERRIDE, for the log, and all files except below
/// `log_directories` (landlock.hpp).
///
/// An error if the child runs longer than `time_limit_ms` (it is killed, and left behind if it
/// hangs in the kernel) or is ended by a signal. The child is killed when this process ends.
[[nodiscard]] Result<Supervised> supervise(int time_limit_ms,
                                           const std::vector<HostPath>& log_directories,
                                           const std::function<int()>& work);

} // namespace grapnel::confine
