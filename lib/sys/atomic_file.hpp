// SPDX-License-Identifier: Apache-2.0
// Atomic replace of a file of the host that somebody else keeps: an engine's configuration, a
// bundle's config.json. Private to this module.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"

#include <string>
#include <string_view>

namespace grapnel::sys {

/// A whole new file under a temporary name in its directory, where it stays until it
/// gets its name. The temporary name is one for all processes, `.NAME.grapnel-new`, under a lock
/// (flock(2)): one process at a time replaces a file, and the leftover of a killed process goes
/// with the next change.
class AtomicFile {
  public:
    /// With the owner and mode of `model`, and the ACL and SELinux label of `attributes`, a file
    /// that is open, or none. `path` stands in errors, which say "create" where its name is free.
    [[nodiscard]] static Result<AtomicFile> write(FdRef directory, const std::string& name,
                                                  std::string_view text, const FileFacts& model,
                                                  FdRef attributes, const std::string& path,
                                                  bool name_is_free = false);
    AtomicFile(AtomicFile&&) = default;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    /// Removes it where it has no name yet.
    ~AtomicFile();

    /// Onto the disk: what replaces a file is whole after a crash of the machine too.
    [[nodiscard]] Status flush() const;
    /// Atomic: a reader sees the old file or this one.
    [[nodiscard]] Status replace(const std::string& name);
    /// Under a name that is free.
    [[nodiscard]] Status add(const std::string& name) const;

  private:
    AtomicFile(FdRef directory, std::string temporary, std::string path, Fd file)
        : directory_(directory),
          temporary_(std::move(temporary)),
          path_(std::move(path)),
          file_(std::move(file)) {}

    FdRef directory_;
    std::string temporary_;
    std::string path_;
    Fd file_; ///< invalid once it has its name
};

/// Where another process changed the file, or is about to.
[[nodiscard]] Error changed_meanwhile(const std::string& path);

} // namespace grapnel::sys
