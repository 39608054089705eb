// SPDX-License-Identifier: Apache-2.0
// Reading and writing by descriptor, bounded and whole.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::sys {

/// Whom something belongs to, or is made as.
struct FileOwner {
    std::uint32_t user = 0;
    std::uint32_t group = 0;

    bool operator==(const FileOwner&) const = default;
};

/// Two names with the same are one file.
struct FileId {
    std::uint64_t device = 0; ///< of the file system: makedev(3)
    std::uint64_t inode = 0;

    bool operator==(const FileId&) const = default;
};

/// Attributes of an open file, by fstat(2) or statx(2); never by its name.
struct FileFacts {
    enum class Type { regular, directory, link, character_device, other };
    Type type = Type::other;
    std::uint64_t device = 0; ///< of the file system: makedev(3)
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::uint64_t mount = 0; ///< ID of the mount it was reached through
    bool mount_root = false; ///< it is the root of that mount
    std::uint32_t major = 0; ///< of the node, for devices
    std::uint32_t minor = 0;
    std::uint32_t mode = 0; ///< permission bits
    FileOwner owner = {};
    std::int64_t modified_ns = 0; ///< time of the last change of its content, since 1970
    std::int64_t changed_ns = 0;  ///< the same of its attributes as well; nobody can set it

    [[nodiscard]] FileId id() const { return {device, inode}; }
};

/// Facts of `name` below `directory`, itself if it is a link; of `directory` for an empty name.
[[nodiscard]] Result<FileFacts> facts(FdRef directory, const char* name);

/// Facts of a host file; links are followed.
[[nodiscard]] Result<FileFacts> host_facts(const HostPath& path);

/// Whether there is nothing at that path of the host. False where that cannot be told, and where a
/// link is on the way: it could lead to any file system, also one that does not answer.
[[nodiscard]] bool is_missing(const HostPath& path);

/// Everything from the descriptor's position to its end; an error past `limit` bytes.
/// `what` names the file in errors. `expected` is the probable size in bytes; 0 if unknown.
[[nodiscard]] Result<std::string> read_all(FdRef fd, std::size_t limit, std::string_view what,
                                           std::uint64_t expected = 0);

/// At most `size` bytes from `offset` on; fewer where the file ends.
[[nodiscard]] Result<std::string> read_part(FdRef fd, std::uint64_t offset, std::size_t size,
                                            std::string_view what);

[[nodiscard]] Status write_all(FdRef fd, std::string_view data, std::string_view what);

/// A host file for reading, which must be regular (or of procfs, sysfs or cgroupfs, where it
/// looks so); never blocks on a FIFO.
[[nodiscard]] Result<Fd> open_host_file(const HostPath& path);

/// The text of a file with its attributes.
struct OpenFile {
    Fd fd = {};
    FileId id = {};
    std::uint64_t size = 0;
};
[[nodiscard]] Result<OpenFile> open_sized_host_file(const HostPath& path);
/// By its name in a directory; `path` is for errors.
[[nodiscard]] Result<OpenFile> open_regular_file(FdRef directory, const std::string& name,
                                                 const std::string& path);
[[nodiscard]] Result<std::string> read_host_file(const HostPath& path, std::size_t limit);

/// Opens `path` with O_PATH: nothing is read, a device is not opened.
[[nodiscard]] Result<Fd> open_host_path(const HostPath& path);

/// An existing host directory, for its names and files.
[[nodiscard]] Result<Fd> open_host_directory(const HostPath& path);

/// Host directories made with mode 0700 where they are missing.
[[nodiscard]] Result<Fd> make_host_directory(const HostPath& path);

using NameFilter = std::function<bool(std::string_view)>;

/// The names in a directory that is open for reading, sorted, without "." and ".."; with `keep`
/// only those that it is true of. An error past 65,536 of them.
[[nodiscard]] Result<std::vector<std::string>>
directory_names(FdRef directory, const std::string& what, const NameFilter& keep = {});

/// A regular file in a directory, which is not followed if it is a link.
[[nodiscard]] Result<std::string> read_file_in(FdRef directory, const std::string& name,
                                               std::size_t limit);

/// At most `size` bytes of its beginning.
[[nodiscard]] Result<std::string> read_beginning_in(FdRef directory, const std::string& name,
                                                    std::size_t size);

/// A new file or directory in a directory that nobody else can write to.
[[nodiscard]] Status make_file(FdRef directory, const std::string& name, std::string_view data,
                               std::uint32_t mode);
[[nodiscard]] Result<Fd> make_directory(FdRef directory, const std::string& name);

/// Atomically replaces `name` in `directory` by a new file with that content. The new file is
/// written under a name of its own first, with O_EXCL and O_NOFOLLOW.
[[nodiscard]] Status replace_file(FdRef directory, const std::string& name, std::string_view data,
                                  std::uint32_t mode);

[[nodiscard]] Status remove_file_in(FdRef directory, const std::string& name);

/// Where the descriptor's file lies, behind all links.
[[nodiscard]] Result<HostPath> path_of(FdRef fd);

/// Where a path leads to, links followed: to a directory, as chdir(2) would, or to anything.
enum class PathOf { directory, anything };
[[nodiscard]] Result<HostPath> real_path(const std::string& text, PathOf kind);

/// The cure for a file of the host that could not be made, replaced or removed, by the errno. Empty
/// if the errno's text is enough.
[[nodiscard]] std::string cure_for_writing(int error);

/// Appends a line to the host's log file, made with mode 0640 where it is missing.
[[nodiscard]] Status append_line(const HostPath& path, std::string_view line);
[[nodiscard]] Status append_line_in(FdRef directory, const std::string& name,
                                    std::string_view line);

} // namespace grapnel::sys
