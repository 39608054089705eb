// SPDX-License-Identifier: Apache-2.0
// The rights of another user on files, for as long as an operation takes.
#pragma once

#include "base/result.hpp"
#include "sys/file.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace grapnel::sys {

/// A user as file systems see it (credentials(7)), in the numbers of this user namespace.
struct FileUser {
    FileOwner owner = {};
    std::vector<std::uint32_t> groups = {}; ///< supplementary groups
};

/// The user that this process acts on files as: filesystem user and group IDs.
[[nodiscard]] FileOwner file_owner();

/// While it lives, this process acts on files as that user: filesystem user and group IDs,
/// supplementary groups, and an empty effective capability set. Then all is as it was.
class FileRights {
  public:
    /// Needs CAP_SETUID and CAP_SETGID where the user is another one. Nothing: the present user,
    /// without its Linux capabilities.
    [[nodiscard]] static Result<FileRights> of(const std::optional<FileUser>& user);

    FileRights(FileRights&&) noexcept;
    FileRights(const FileRights&) = delete;
    FileRights& operator=(const FileRights&) = delete;
    ~FileRights();

  private:
    struct Saved;
    explicit FileRights(std::unique_ptr<Saved> saved);
    std::unique_ptr<Saved> saved_;
};

} // namespace grapnel::sys
