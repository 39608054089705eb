// SPDX-License-Identifier: Apache-2.0
// The file that a creation replaced, and how it is restored. For RootDir alone: names are looked up
// in a directory that is open, and never followed.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file_like.hpp"
#include "sys/root_dir.hpp"

#include <string>

namespace grapnel::sys {

/// Of `name` in `parent`, or of the link that is open, for an empty name.
[[nodiscard]] Result<std::string> read_link(FdRef parent, const std::string& name);

/// Atomically replaces the file of that name with a link.
[[nodiscard]] Status replace_link(FdRef parent, const std::string& name, const std::string& target,
                                  Former former);

/// Atomically restores the former file, whether its place is taken by another file or empty: by its
/// name aside if it still has that, else as a new file.
[[nodiscard]] Status make_former(FdRef parent, const std::string& name, const Creation& creation);

/// Removes the creation, or restores the former file.
[[nodiscard]] Status take_away(FdRef parent, const std::string& name, const Creation& creation);

/// Where take_away() makes it first, if a directory was made.
[[nodiscard]] std::string name_aside(const std::string& name);

/// Whether the file there now matches the planned creation.
[[nodiscard]] Result<bool> is_as_planned(FdRef parent, const std::string& name,
                                         const FileFacts& now, const Creation& plan);

} // namespace grapnel::sys
