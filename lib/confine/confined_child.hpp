// SPDX-License-Identifier: Apache-2.0
// A computation on untrusted text in a child process that can do nothing but compute; and work of
// other kinds in a child process.
//
// | the child has              | it has no                                                       |
// |----------------------------|-----------------------------------------------------------------|
// | a copy of the memory       | Linux capability: permitted, effective, inheritable or bounding |
// | one memfd, to write        | other descriptor, and cannot open one (RLIMIT_NOFILE)           |
// | 10 s of CPU, 1 GiB of data | system call but for memory, writing and its end: any other one  |
// |                            | kills it (confine::filter_computation) |
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <functional>
#include <string>

namespace grapnel::confine {

/// In compute_confined() it makes no system call.
using Computation = std::function<Result<std::string>()>;

/// The result of `compute`, at most `limit` bytes. Nothing in this process changes. An error of
/// `compute` is this function's; so is a child that is killed.
[[nodiscard]] Result<std::string> compute_confined(std::size_t limit, const Computation& compute);

/// The same with all rights of this process, which `work` can give up itself, and a time limit of
/// its own. This process waits: no file system that `work` looks at can hold it up.
[[nodiscard]] Result<std::string> work_within(int time_limit_ms, std::size_t limit,
                                              const Computation& work);

/// The same for a look at files of the host, which ends with a container's time limit. The child
/// has no standard descriptor of this process. If a fatal signal ends it (fatal_signal.hpp), the
/// line is the error.
[[nodiscard]] Result<std::string> look_apart(std::size_t limit, const Computation& look);

} // namespace grapnel::confine
