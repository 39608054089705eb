// SPDX-License-Identifier: Apache-2.0
// The end of a hook that makes a system call which its filter lacks (SECCOMP_RET_TRAP in
// seccomp(2)), or that used all of its CPU time (RLIMIT_CPU in setrlimit(2)).
#pragma once

#include <string>
#include <string_view>

namespace grapnel::confine {

/// Writes one line with the cause to standard error and exits, for SIGSYS of a filter and for
/// SIGXCPU; the next such signal kills. `program` must live as long as the process.
void end_on_fatal_signals(const char* program);

/// The status that it exits with from now on: a supervisor tells it from others.
void exit_on_fatal_signals_with(int status);

/// The last line of an output, which that line ends: without the program's name and the line feed.
[[nodiscard]] std::string fatal_line_of(std::string_view output);

} // namespace grapnel::confine
