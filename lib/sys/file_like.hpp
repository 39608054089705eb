// SPDX-License-Identifier: Apache-2.0
// A file in the place of another, with all that belongs to that one but its content.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"

#include <string>
#include <string_view>

namespace grapnel::sys {

/// A file that another one is to be like.
struct FileModel {
    FileFacts facts;
    FdRef file; ///< open for reading
};

/// What becomes of a file that is replaced.
enum class Former {
    removed,
    aside ///< it gets the temporary name of the new one, and stays the same inode
};

/// The file of temporary_name() atomically gets `name`. On a file system that cannot exchange two
/// names (NFS) the former file is removed. On failure the temporary file is.
[[nodiscard]] Status put_in_place(FdRef directory, const std::string& name, Former former);

/// As replace_file() of sys/file.hpp, with the permissions, owner, label, ACL and user attributes
/// of `model`. Without the permission to set them the owner is the file system user ID, and the
/// rest that of a new file.
[[nodiscard]] Status replace_file_like(FdRef directory, const std::string& name,
                                       std::string_view data, const FileModel& model,
                                       Former former);

/// The owner and mode of `model`, without its setuid, setgid and sticky bits, for an open file.
[[nodiscard]] Status take_rights(FdRef file, const FileFacts& model);

/// SELinux label, ACL and user attributes of one open file for another, not what vouches for its
/// content: capabilities, signatures. An ACL that `from` lacks goes. Where the file system has no
/// such attribute, or this user may not set it, the directory's default stays.
void copy_attributes(FdRef from, FdRef to);

} // namespace grapnel::sys
