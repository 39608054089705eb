// SPDX-License-Identifier: Apache-2.0
// Entries in the configuration of a container engine, and the result. All text: the caller reads
// and writes the files.
#pragma once

#include "base/notices.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace grapnel::engine_config {

/// The OCI runtime that an engine is to know.
struct RuntimeEntry {
    std::string name = "nvidia";
    std::string path = {};       ///< absolute
    bool set_as_default = false; ///< of containers that name no runtime
    bool cdi = false;            ///< the engine is to read CDI specifications
};

/// A configuration file: nothing if it does not exist, before or after.
using Text = std::optional<std::string>;

/// The new text of a file, and warnings for the administrator.
struct Edit {
    Text text = {};
    Notices notices = {};
};

/// Another file that an engine reads beside its main one.
struct OtherFile {
    std::string path = {};
    std::string text = {};
};

/// Letters, digits, '.', '_' and '-', the first a letter or digit; not the name of a runtime that
/// engines bring themselves.
[[nodiscard]] Status check_runtime_name(std::string_view name);

/// Refuses characters that cannot stand between quotes in each of the formats, and the special
/// characters of file name patterns.
[[nodiscard]] Status check_path(std::string_view path);

/// Whether `text` is a file that Grapnel made, by its first line.
[[nodiscard]] bool is_made_by_grapnel(std::string_view text);

/// That first line, for files in which '#' begins a comment.
inline constexpr std::string_view made_by_grapnel = "# Made by grapnel configure";

/// "\r\n" if the first line ends so, else "\n".
[[nodiscard]] std::string_view line_end_of(std::string_view text);

} // namespace grapnel::engine_config
