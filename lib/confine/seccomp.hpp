// SPDX-License-Identifier: Apache-2.0
// System call filters (seccomp(2)). They add up, and children inherit them: each one leaves a part
// of the one before. The lists are in generate_filters.cpp.
//
// | filter           | process                                   | other calls            |
// | filter_host      | the hook, before it parses anything       | end it with a line     |
// | filter_describing| the hook where it makes no mounts         | end it with a line     |
// | filter_look      | the look at the host of a start           | end it with a line     |
// | filter_container | the hook in the container's namespace     | end it with a line     |
// | filter_probe     | grapnel-probe                             | ENOSYS                 |
// | filter_ldconfig  | ldconfig                                  | ENOSYS                 |
//
// A program that a filtered process executes is told from the hook by the address of the call:
// there the calls that only the hook's filters lack fail with ENOSYS as well.
#pragma once

#include "base/result.hpp"

namespace grapnel::confine {

/// An error if the filter cannot be loaded. The hook's filters want end_on_fatal_signals()
/// (fatal_signal.hpp) before.
[[nodiscard]] Status filter_host();

/// Without processes, programs, sockets, mounts, ioctl(2) and bpf(2).
[[nodiscard]] Status filter_describing();

/// To read files, to write open ones, and to restrict itself: no file can be opened for writing,
/// and no other process be sent a signal.
[[nodiscard]] Status filter_look();

/// Without processes, programs, sockets, nodes, namespaces, ioctl(2), bpf(2) and mounts by path. On
/// a kernel without mount_setattr(2) (before Linux 5.12) a child has to set options of mounts:
/// clone(2) and mount(2) stay there.
[[nodiscard]] Status filter_container();

[[nodiscard]] Status filter_probe();

[[nodiscard]] Status filter_ldconfig();

/// For a process that only computes: memory, writing to open files, its end. Any other call kills
/// the process.
[[nodiscard]] Status filter_computation();

} // namespace grapnel::confine
