// SPDX-License-Identifier: Apache-2.0
// The system's program that loads kernel modules (modprobe(8)).
#pragma once

#include "base/result.hpp"

#include <string>

namespace grapnel::confine {

/// Runs the program that /proc/sys/kernel/modprobe names, else /sbin/modprobe, with the module's
/// name as its only argument and nothing but PATH in its environment, and waits for its end.
/// The program must be a file of root's that nobody else can write to. It has the right to load
/// modules and no other, as this process must have after confine_to_modules(). An error if it
/// cannot be started, fails or takes longer than 60 seconds; the last thing it said is in the
/// error. Whether the module is loaded, the kernel shows afterwards, not this result.
[[nodiscard]] Status run_modprobe(const std::string& module);

} // namespace grapnel::confine
