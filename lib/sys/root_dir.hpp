// SPDX-License-Identifier: Apache-2.0
// The only way to a path inside a container.
//
// Everything in the root file system is hostile, at every moment: links lead anywhere, files are
// FIFOs and devices, and a process with a shared volume changes them between two calls. So a
// path is resolved by the kernel with the container's root as its root (openat2 with
// RESOLVE_IN_ROOT, without magic links), the result is a descriptor, and what follows happens
// to the descriptor. The last component is never followed: it is taken as it is or replaced.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::sys {

/// Something that was not in the root file system before.
struct Creation {
    InsidePath path = {};
    FileFacts facts = {};
    std::optional<std::string> former_target = {}; ///< of the link that was there instead
    std::optional<std::string> former_text = {};   ///< of the file that was there instead
    FileFacts former = {}; ///< of that link or file: its inode, owner and mode

    /// About to be made: its link's target, or its file's text. Of the facts only the type is
    /// known.
    std::optional<std::string> planned = {};
    std::uint64_t parent_inode = 0; ///< of the directory that a planned one goes to

    [[nodiscard]] bool has_former() const { return former_target || former_text; }
    [[nodiscard]] bool is_link() const { return facts.type == FileFacts::Type::link; }
};

class RootDir {
  public:
    /// The directory `path` as it is seen from `base`, the root directory of some process.
    /// Links in it are followed below `base`. Needs Linux 5.6 (openat2).
    [[nodiscard]] static Result<RootDir> open(FdRef base, const HostPath& path);

    [[nodiscard]] FdRef ref() const noexcept { return fd_.ref(); }

    /// An existing directory. The descriptor lives as long as this object, or
    /// until it is covered.
    [[nodiscard]] Result<FdRef> directory(const InsidePath& path);

    /// Something was mounted on the directory: what is known of it and below lies underneath.
    /// Its descriptors are closed.
    void is_covered(const InsidePath& path);

    /// Nothing is known any more: all of it is looked up once more.
    void look_anew() { directories_.clear(); }

    /// A directory, made with mode 0755 where it or a parent is missing.
    [[nodiscard]] Result<FdRef> make_directory(const InsidePath& path);

    /// Facts of the thing itself; links are followed in its parents only.
    [[nodiscard]] Result<FileFacts> facts(const InsidePath& path);

    /// A place for a mount: what lies there if it fits (for a file: anything but a directory),
    /// else a new empty file or directory. A link of the image is replaced; on a volume, which
    /// outlives the container, it is the place itself.
    [[nodiscard]] Result<Fd> mount_point(const InsidePath& path, bool directory);

    /// A link to `target`. A link of the image to something else is replaced, in one step.
    /// Returns false, and changes nothing, if something that is no link is there, or a link on a
    /// volume.
    [[nodiscard]] Result<bool> link(const InsidePath& path, const std::string& target);

    /// The content of a regular file, at most `limit` bytes; nothing if there is no such file, or
    /// a link or anything else in its place.
    [[nodiscard]] Result<std::optional<std::string>> read(const InsidePath& path,
                                                          std::size_t limit);

    /// The same where a link is legitimate: it is followed as long as it stays on the root's own
    /// mount.
    [[nodiscard]] Result<std::optional<std::string>> read_linked(const InsidePath& path,
                                                                 std::size_t limit);

    /// The regular file of that name, for reading; nothing if there is none, or a link or
    /// anything else in its place. Opening it never blocks.
    [[nodiscard]] Result<std::optional<Fd>> open_file(const InsidePath& path);

    /// The names in a directory, sorted, without "." and ".."; an error past 65,536 of them.
    [[nodiscard]] Result<std::vector<std::string>> list(const InsidePath& path);

    /// Replaces or makes the file in one step. The directory must exist.
    [[nodiscard]] Status write(const InsidePath& path, std::string_view data, std::uint32_t mode);

    /// From the text of a file, nothing where there is no regular file, to its new text; nothing
    /// or the same text: the file stays as it is.
    using Edit = std::function<std::optional<std::string>(const std::optional<std::string>&)>;

    /// A small file of this program's for the container's time, looked up once and replaced in one
    /// step, with the directories above it; a file of the image that it replaces is part of the
    /// record. Refused where something other than a regular file has the name, and on a volume,
    /// which outlives the container.
    [[nodiscard]] Status edit_file(const InsidePath& path, const Edit& edit);

    /// The same for a text that does not depend on the one before.
    [[nodiscard]] Status put_file(const InsidePath& path, const std::string& text);

    /// Undoes a creation if it is still what was made: the same inode, of the same size, a file
    /// with content not written to since, and a directory empty. What was there before comes back
    /// with its owner and mode. Returns whether it did.
    [[nodiscard]] bool remove(const Creation& creation);

    /// What was made so far, oldest first, without what lies in file systems mounted below
    /// the root: that goes with the container.
    [[nodiscard]] const std::vector<Creation>& creations() const { return creations_; }

  private:
    RootDir(Fd fd, std::uint64_t mount) : fd_(std::move(fd)), mount_(mount) {}
    [[nodiscard]] Result<Fd> resolve(const InsidePath& path, std::uint64_t flags) const;
    /// The regular file that an O_PATH descriptor stands for.
    [[nodiscard]] static Result<std::optional<Fd>> open_handle(const Result<Fd>& handle,
                                                               const InsidePath& path);
    /// What is there before a file is made, with its text if it is a regular file.
    [[nodiscard]] Result<Creation> former_file(const InsidePath& path);
    /// Fills in the facts of what was made.
    Status record(FdRef parent, Creation made);
    [[nodiscard]] Result<Fd> make_mount_point(FdRef parent, const Creation& made, bool directory);

    Fd fd_;
    std::uint64_t mount_; ///< of the root: what lies in another one goes or stays with that
    std::map<InsidePath, Fd> directories_ = {};
    std::vector<Creation> creations_ = {};
};

} // namespace grapnel::sys
