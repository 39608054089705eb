// SPDX-License-Identifier: Apache-2.0
// Files of the host that an administrator keeps and this program changes.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/file.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace grapnel::sys {

/// A file that is there or not. Where its path is a link, it is the file that the link leads to. It
/// and its directory are looked up once and held by descriptor: whatever is renamed or linked
/// meanwhile, no file of another directory is read or changed.
class ConfigFile {
  public:
    /// Refuses a dangling link, any other type than a regular file, and more than `limit` bytes.
    [[nodiscard]] static Result<ConfigFile> open(const HostPath& path, std::size_t limit);

    [[nodiscard]] const HostPath& path() const { return path_; }
    /// Nothing where there is no file.
    [[nodiscard]] const std::optional<std::string>& text() const { return text_; }
    /// Of the file as it was read.
    [[nodiscard]] const std::optional<FileFacts>& known() const { return facts_; }

    /// Atomic replace, for readers and after a crash: the new file is written and flushed under
    /// another name in the same directory. It has the mode, owner, ACL and SELinux label of the old
    /// one; a new file has the attributes of `like`, or else mode 0644. Directories that are
    /// missing are made with mode 0755. Refuses a file that was changed since it was read, or is
    /// being changed.
    [[nodiscard]] Status replace(std::string_view text,
                                 const std::optional<FileFacts>& like = {}) const;

    /// Removes the file, unless it was changed since it was read.
    [[nodiscard]] Status remove() const;

    /// A copy of the file, as it was read, under a name beside it that must be free, whole as soon
    /// as it has the name. It has the mode and the owner of the file.
    [[nodiscard]] Status copy_to(const std::string& name) const;

  private:
    ConfigFile() = default;

    [[nodiscard]] Status check_unchanged(FdRef directory) const;

    HostPath path_ = {};
    Fd directory_ = {}; ///< invalid: it is missing
    Fd file_ = {};
    std::optional<std::string> text_ = {};
    std::optional<FileFacts> facts_ = {};
};

} // namespace grapnel::sys
