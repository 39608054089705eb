// SPDX-License-Identifier: Apache-2.0
// musl's loader (musl: ldso/dynlink.c), which reads no ld.so.cache.
#pragma once

#include "base/path.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::image {

[[nodiscard]] const InsidePath& musl_loader();
[[nodiscard]] const InsidePath& musl_path_file();
constexpr std::size_t musl_path_limit = 65536;

/// The directories that a path file names, between colons and lines; without a file the built-in
/// ones.
[[nodiscard]] std::vector<std::string>
musl_directories(const std::optional<std::string>& path_file);

} // namespace grapnel::image
