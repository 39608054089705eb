// SPDX-License-Identifier: Apache-2.0
// A file in a directory that another user may write to.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/file.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace grapnel::sys {

/// Directory and file are looked up once each, and held by descriptor. Renames, links and mounts
/// meanwhile change nothing: text, owner and mode are of one file, and only that directory is
/// written.
class HeldFile {
  public:
    /// `directory` as chdir(2) takes it. A link of that name is followed to a regular file of at
    /// most `limit` bytes.
    [[nodiscard]] static Result<HeldFile> open(const std::string& directory,
                                               const std::string& name, std::size_t limit);

    [[nodiscard]] const HostPath& path() const { return path_; }
    [[nodiscard]] const std::string& text() const { return text_; }

    /// Atomic replace: the name becomes a new file with that text and the owner, mode, ACL and
    /// SELinux label of the one that was read, without setuid and setgid. A link gives way to it;
    /// the file that it leads to stays as it is. What a process that was killed here left goes.
    [[nodiscard]] Status replace(std::string_view text) const;

  private:
    HeldFile(Fd directory, Fd file, HostPath path, std::string text)
        : directory_(std::move(directory)),
          file_(std::move(file)),
          path_(std::move(path)),
          text_(std::move(text)) {}

    Fd directory_;
    Fd file_;
    HostPath path_;
    std::string text_;
};

} // namespace grapnel::sys
