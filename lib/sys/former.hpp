// SPDX-License-Identifier: Apache-2.0
// What a creation took the place of, and how it comes back. For RootDir alone: names are looked up
// in a directory that is open, and never followed.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/root_dir.hpp"

#include <string>

namespace grapnel::sys {

/// Of `name` in `parent`, or of the link that is open, for an empty name.
[[nodiscard]] Result<std::string> read_link(FdRef parent, const std::string& name);

/// A link in the place of what is there, in one step.
[[nodiscard]] Status replace_link(FdRef parent, const std::string& name, const std::string& target);

/// What was there before, in the place of a file or a link, or of nothing: in one step.
[[nodiscard]] Status make_former(FdRef parent, const std::string& name, const Creation& creation);

/// Removes what was made, or puts back what was there before.
[[nodiscard]] Status take_away(FdRef parent, const std::string& name, const Creation& creation);

/// Where take_away() makes it first, if a directory was made.
[[nodiscard]] std::string name_aside(const std::string& name);

/// Whether what is there now is what was about to be made.
[[nodiscard]] Result<bool> is_as_planned(FdRef parent, const std::string& name,
                                         const FileFacts& now, const Creation& plan);

} // namespace grapnel::sys
