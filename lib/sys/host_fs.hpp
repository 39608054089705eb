// SPDX-License-Identifier: Apache-2.0
// The host's files as the inventory sees them. A test gives it a made-up host.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/file.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::sys {

/// The bytes of a file, valid while this object lives.
class FileView {
  public:
    FileView(std::shared_ptr<const void> keeper, std::string_view bytes, FileId id)
        : keeper_(std::move(keeper)), bytes_(bytes), id_(id) {}
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    [[nodiscard]] const FileId& id() const noexcept { return id_; }

  private:
    std::shared_ptr<const void> keeper_;
    std::string_view bytes_;
    FileId id_;
};

/// All methods follow links, as the host's files are trusted. A file that is not there is an
/// Error with sys == ENOENT or ENOTDIR: see is_missing().
class HostFs {
  public:
    HostFs() = default;
    HostFs(const HostFs&) = delete;
    HostFs& operator=(const HostFs&) = delete;
    virtual ~HostFs() = default;

    /// The whole file; at most 1 MiB.
    [[nodiscard]] virtual Result<std::string> read(const HostPath& path) const = 0;
    /// The whole file without copying it, for large ones.
    [[nodiscard]] virtual Result<FileView> map(const HostPath& path) const = 0;
    /// The names in a directory, sorted, without "." and "..".
    [[nodiscard]] virtual Result<std::vector<std::string>> list(const HostPath& path) const = 0;
    /// The same, of the names that `keep` is true of: a directory of libraries has thousands.
    [[nodiscard]] virtual Result<std::vector<std::string>>
    list_matching(const HostPath& path, const NameFilter& keep) const;
    [[nodiscard]] virtual Result<FileFacts> stat(const HostPath& path) const = 0;
    /// Facts of the link itself, where the path names one.
    [[nodiscard]] virtual Result<FileFacts> stat_link(const HostPath& path) const = 0;
    /// The target of the link, as its text; it may not exist.
    [[nodiscard]] virtual Result<std::string> read_link(const HostPath& path) const = 0;
    /// The path without any link in it.
    [[nodiscard]] virtual Result<HostPath> resolve(const HostPath& path) const = 0;
};

[[nodiscard]] bool is_missing(const Error& error);

/// A call failed for want of memory, descriptors or room, by an input/output error or a signal: it
/// is no property of its object, and may succeed the next time.
[[nodiscard]] bool is_transient(const Error& error);

/// The system could not look the file up (ENOMEM, EIO, EMFILE, EPERM ...), which says nothing about
/// the file; that it is absent, of another type or not to be read by this user are answers.
[[nodiscard]] bool is_without_answer(const Error& error);

class LinuxHostFs final : public HostFs {
  public:
    [[nodiscard]] Result<std::string> read(const HostPath& path) const override;
    [[nodiscard]] Result<FileView> map(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>> list(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>>
    list_matching(const HostPath& path, const NameFilter& keep) const override;
    [[nodiscard]] Result<FileFacts> stat(const HostPath& path) const override;
    [[nodiscard]] Result<FileFacts> stat_link(const HostPath& path) const override;
    [[nodiscard]] Result<std::string> read_link(const HostPath& path) const override;
    [[nodiscard]] Result<HostPath> resolve(const HostPath& path) const override;
};

} // namespace grapnel::sys
