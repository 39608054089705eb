// SPDX-License-Identifier: Apache-2.0
// Paths of libraries in configuration files of loaders.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace grapnel::driver {

/// `text` with each library that it names by a path named by its file name alone, as a loader in
/// a container finds it; nothing without such a library. `text` is JSON with members
/// "library_path", or of an OpenCL .icd file: one line.
[[nodiscard]] std::optional<std::string> without_library_paths(std::string_view text);

} // namespace grapnel::driver
