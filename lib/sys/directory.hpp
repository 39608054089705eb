// SPDX-License-Identifier: Apache-2.0
// Small things in directories of the host that nobody else can write to.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::sys {

/// The directory at a relative path, made with mode 0700 where it or a parent is missing.
[[nodiscard]] Result<Fd> make_directories_in(FdRef directory, const std::string& path);

/// An existing directory, for its names and files.
[[nodiscard]] Result<Fd> open_directory_in(FdRef directory, const std::string& path);

/// Some names in a directory, as many as one read of two kibibytes brings: the work does not grow
/// with the directory.
[[nodiscard]] Result<std::vector<std::string>> first_names(FdRef directory);

/// A link to `target`, in the place of a link or file of that name.
[[nodiscard]] Status set_link_in(FdRef directory, const std::string& name,
                                 const std::string& target);
[[nodiscard]] Result<std::string> read_link_in(FdRef directory, const std::string& name);

/// A regular file that is written at its end alone, made with mode 0600 where it is missing.
[[nodiscard]] Result<Fd> open_to_append(FdRef directory, const std::string& name);

/// Writes a regular file from its beginning and cuts it there, made with mode 0600 where it is
/// missing. Where that fails at first, the content is as it was.
[[nodiscard]] Status overwrite(FdRef directory, const std::string& name, std::string_view text);

/// The temporary name under which this process makes the replacement of `name`.
[[nodiscard]] std::string temporary_name(const std::string& name);

/// Time of a file's or directory's creation, in nanoseconds since 1970; 0 if its file system does
/// not record it.
[[nodiscard]] Result<std::int64_t> birth_time(FdRef file);

/// Removes an empty directory; one that is not stays, with ENOTEMPTY.
[[nodiscard]] Status remove_directory_in(FdRef directory, const std::string& path);

} // namespace grapnel::sys
