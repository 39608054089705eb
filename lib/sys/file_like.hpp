// SPDX-License-Identifier: Apache-2.0
// A file in the place of another, with all that belongs to that one but its content.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"

#include <string>
#include <string_view>

namespace grapnel::sys {

/// As replace_file() of sys/file.hpp, with the mode and owner of `model` and the SELinux label of
/// the replaced file. Without the permission to set them the owner is the file system user ID, and
/// the label that of a new file.
[[nodiscard]] Status replace_file_like(FdRef directory, const std::string& name,
                                       std::string_view data, const FileFacts& model);

/// The owner and mode of `model`, without its setuid, setgid and sticky bits, for an open file.
[[nodiscard]] Status take_rights(FdRef file, const FileFacts& model);

/// SELinux label and ACL of one open file for another. An ACL that `from` lacks goes. Where the
/// file system has no such attribute, or this user may not set it, the directory's default stays.
void copy_access_attributes(FdRef from, FdRef to);

} // namespace grapnel::sys
