// SPDX-License-Identifier: Apache-2.0
// host.txt: a host in a few lines. README.md describes them.
#pragma once

#include "base/result.hpp"
#include "support/memory_host.hpp"

#include <string>

namespace grapnel::test {

/// Puts what the file describes on `host`. `includes` is the directory of the files that
/// `include` names. An unknown or malformed line is an error with the file's name and the line.
[[nodiscard]] Status read_host_file(const std::string& path, const std::string& includes,
                                    MemoryHost& host);

} // namespace grapnel::test
