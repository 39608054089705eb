// SPDX-License-Identifier: Apache-2.0
// Other programs with this process's own rights: Grapnel's, and the runtime that it makes way for.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel::sys {

/// The file that this process runs; if it was replaced or removed since, the path that it had.
[[nodiscard]] Result<HostPath> own_program();

/// A regular file that this process may execute.
[[nodiscard]] bool is_program(const HostPath& path);

/// Whether an execution of the file can give capabilities (capabilities(7)); an error: unknown.
[[nodiscard]] Result<bool> has_file_capabilities(const HostPath& path);

/// Whether two paths lead to one file.
[[nodiscard]] bool is_same_file(const HostPath& one, const HostPath& other);

/// Runs one of Grapnel's programs to its end, at most two minutes, with an empty environment and
/// `input` at its standard input; returns its standard output, at most `limit` bytes. If it fails,
/// the error is the last line that it said on standard error, without its name.
[[nodiscard]] Result<std::string> run_own_program(const HostPath& program,
                                                  const std::vector<std::string>& arguments,
                                                  std::string_view input, std::size_t limit);

/// Runs another program to its end, at most two minutes, with this process's environment and
/// nothing at its standard input; returns its standard output, at most `limit` bytes. `words`
/// begins with its name.
[[nodiscard]] Result<std::string>
ask_program(const HostPath& program, const std::vector<std::string>& words, std::size_t limit);

/// Standard input becomes a file with that content, also for the program that this one becomes.
[[nodiscard]] Status give_standard_input(std::string_view content);

/// This process becomes that program: descriptors, environment and everything else stay as they
/// are. Returns only if it fails. `arguments` begins with its name and ends with a null pointer.
[[nodiscard]] Status become_program(const HostPath& program, char** arguments);

} // namespace grapnel::sys
