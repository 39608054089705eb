// SPDX-License-Identifier: Apache-2.0
// Outcomes of a case beside the files that say how they should be.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace grapnel::test {

/// With the names of this machine; nothing if there is no such file.
[[nodiscard]] std::optional<std::string> file_text(const std::filesystem::path& path);

/// By the file's name; nothing: there must be no such file.
using GoldenFiles = std::map<std::string, std::optional<std::string>>;

/// The exit code: 1, with each difference on stderr, if a file of the directory has another text.
/// GRAPNEL_UPDATE_GOLDEN=1 writes the files.
[[nodiscard]] int compare_golden(const std::filesystem::path& directory, const GoldenFiles& found);

} // namespace grapnel::test
