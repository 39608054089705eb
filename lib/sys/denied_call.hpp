// SPDX-License-Identifier: Apache-2.0
// The end of a hook that makes a system call which its filter lacks (SECCOMP_RET_TRAP in
// seccomp(2)).
#pragma once

namespace grapnel::sys {

/// Writes one line with the name of the call to standard error and exits, for each SIGSYS of a
/// filter; the next one kills. `program` must live as long as the process.
void end_on_denied_calls(const char* program);

/// The status that it exits with from now on: a supervisor tells it from others.
void exit_on_denied_calls_with(int status);

} // namespace grapnel::sys
