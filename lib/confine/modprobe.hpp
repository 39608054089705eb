// SPDX-License-Identifier: Apache-2.0
// The system's program that loads kernel modules (modprobe(8)).
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <string>

namespace grapnel::confine {

/// The program that /proc/sys/kernel/modprobe names, else /sbin/modprobe. An error if the kernel
/// names no program, the program is not there, or others than root can change it: no module can be
/// loaded then.
[[nodiscard]] Result<HostPath> find_modprobe();

/// Runs that program with the module's name as its only argument and nothing but PATH in its
/// environment, and waits for its end. It has the right to load modules and no other, as this
/// process must have after confine_to_modules(). An error if it cannot be started, fails or takes
/// longer than 60 seconds; the last thing it said is in the error. Whether the module is loaded,
/// the kernel shows afterwards, not this result.
[[nodiscard]] Status run_modprobe(const std::string& module);

} // namespace grapnel::confine
