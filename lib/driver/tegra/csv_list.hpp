// SPDX-License-Identifier: Apache-2.0
// The lists of files that JetPack installs for containers, one for each of its parts:
//
//   line = type "," path
//   type = "dev" / "dir" / "lib" / "sym"
//
// with blanks around both. Empty lines are allowed; a path is absolute, without "..", and can be a
// pattern: see matching().
#pragma once

#include "base/path.hpp"
#include "sys/host_fs.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct CsvEntry {
    enum class Type { device, directory, library, link };
    Type type = Type::library;
    HostPath path = {};

    auto operator<=>(const CsvEntry&) const = default;
};

struct CsvList {
    std::vector<CsvEntry> entries = {};      ///< in the order of the file
    std::vector<std::string> bad_lines = {}; ///< fit to be printed, with the mistake
};

/// A device lies below /dev, and so can a directory (of links to devices), but nothing else;
/// nothing lies below /proc or /sys, or is "/".
[[nodiscard]] CsvList parse_csv_list(std::string_view text);

/// The host's paths for a path of a list: the path itself, whether it exists or not, or the matches
/// of a pattern with *, ? and [ ] in any component, as in glob(7).
[[nodiscard]] std::vector<HostPath> matching(const sys::HostFs& host, const HostPath& path);

/// Whether a pattern, as in glob(7), stands for the path, or one with "**/" in front for its name.
[[nodiscard]] bool is_ignored(const HostPath& path, const std::vector<std::string>& patterns);

} // namespace grapnel
