// SPDX-License-Identifier: Apache-2.0
// Resource limits (setrlimit(2)) of Grapnel's own processes. cage.cpp and host_program.cpp have the
// limits of the host's programs.
#pragma once

#include <cstdint>

namespace grapnel::confine {

/// A resource of setrlimit(2), if it is not lower already.
void set_limit(int resource, std::uint64_t most);

constexpr std::uint64_t memory_limit = std::uint64_t{1} << 30;
constexpr std::uint64_t cpu_limit_s = 60;

/// Of this process and its children.
///
/// | limit             | most              | room for                                            |
/// | memory (DATA)     | 1 GiB             | 16 MiB of config.json that are all "[],": 640 MB    |
/// | CPU               | 60 s              | a start takes milliseconds                          |
/// | open files        | 8,192             | one a mount: 2,048 IMEX channels, 16 GPUs with MIG  |
void limit_resources();

/// The length of a file that it writes: a quarter of a gibibyte (ld.so.cache: 64 MiB), beyond
/// `longest`, the length of the log.
void limit_file_size(std::uint64_t longest);

} // namespace grapnel::confine
