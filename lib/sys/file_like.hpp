// SPDX-License-Identifier: Apache-2.0
// A file in the place of another, with all that belongs to that one but its content.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"

#include <string>
#include <string_view>

namespace grapnel::sys {

/// As replace_file() of sys/file.hpp, with the mode and owner of `model`, which are those of the
/// file that is replaced, and that file's SELinux label. Where this process may not give them away,
/// the owner is who files are created as, and the label that of a new file.
[[nodiscard]] Status replace_file_like(FdRef directory, const std::string& name,
                                       std::string_view data, const FileFacts& model);

} // namespace grapnel::sys
