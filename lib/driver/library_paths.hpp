// SPDX-License-Identifier: Apache-2.0
// Paths of libraries in configuration files of loaders.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace grapnel::driver {

/// `text` with the path of each library cut to its file name, by which the loader of a container
/// finds the library; nothing if `text` has no such path. `text` is JSON with members
/// "library_path", or of an OpenCL .icd file: one line.
[[nodiscard]] std::optional<std::string> without_library_paths(std::string_view text);

} // namespace grapnel::driver
