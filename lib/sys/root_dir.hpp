// SPDX-License-Identifier: Apache-2.0
// The only way to a path inside a container.
//
// Everything in the root file system is hostile, at every moment: links lead anywhere, files are
// FIFOs and devices, and a process with a shared volume changes them between two calls. So a
// path is resolved by the kernel with the container's root as its root (openat2 with
// RESOLVE_IN_ROOT, without magic links), the result is a descriptor, and all later calls use the
// descriptor. The last component is never followed: it is taken as it is or replaced.
//
// The container's own are the mount of its root and each tmpfs that was made for this container.
// Anything else is a volume: it belongs to somebody else and outlives the container. On a volume
// every lookup, read and creation has the file permissions of the container's process user, without
// Linux capabilities; nothing on one is replaced or removed.
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/directory_time.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/file_like.hpp"
#include "sys/file_rights.hpp"

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
    FileFacts former = {};        ///< of that link or file: its inode, owner, mode and time
    std::string former_name = {}; ///< of that file meanwhile, in the same directory

    /// About to be made: its link's target, or its file's text. Of the facts only the type is
    /// known.
    std::optional<std::string> planned = {};
    std::uint64_t parent_inode = 0; ///< of the directory that a planned one goes to

    [[nodiscard]] bool has_former() const { return former_target || former_text; }
    [[nodiscard]] bool is_link() const { return facts.type == FileFacts::Type::link; }
};

/// A mount point as it was opened.
struct MountPoint {
    Fd fd = {};
    FileFacts facts = {};
    [[nodiscard]] FdRef ref() const noexcept { return fd.ref(); }
};

class RootDir {
  public:
    /// The directory `path` as it is seen from `base`, the root directory of some process.
    /// Links in it are followed below `base`. Needs Linux 5.6 (openat2).
    [[nodiscard]] static Result<RootDir> open(FdRef base, const HostPath& path);

    [[nodiscard]] FdRef ref() const noexcept { return fd_.ref(); }

    /// The user for access to volumes. Nothing (the default): this process's own user.
    void act_on_volumes_as(std::optional<FileUser> user);
    [[nodiscard]] const std::optional<FileUser>& volume_user() const { return user_; }

    /// A tmpfs is the container's own from now on unless it is one of these file systems, which
    /// are mounted on the host too: a host's tmpfs can be a volume.
    void set_host_file_systems(std::vector<DeviceNumber> sorted_devices);

    /// Whether the directory of that name lies on a volume.
    [[nodiscard]] Result<bool> is_on_volume(const InsidePath& directory);

    /// An existing directory. The descriptor lives as long as this object, or
    /// until it is covered.
    [[nodiscard]] Result<FdRef> directory(const InsidePath& path);

    /// The file system of an existing directory (st_dev).
    [[nodiscard]] Result<std::uint64_t> file_system(const InsidePath& directory);

    /// Attributes of an existing directory, links followed; no descriptor is kept.
    [[nodiscard]] Result<FileFacts> directory_facts(const InsidePath& path) const;

    /// A mount covers the directory: closes the cached descriptors of it and of everything below.
    void is_covered(const InsidePath& path);

    /// The first look-up that failed without an answer (is_without_answer). Most files of an image
    /// are optional, so a caller may take a failed look-up for an absent file; whatever it
    /// concluded counts only if this is no error.
    [[nodiscard]] Status answers() const { return unanswered_ ? Status(*unanswered_) : Status(); }

    /// Nothing is known any more: all of it is looked up once more.
    void invalidate() { directories_.clear(); }

    /// A directory, made with mode 0755 where it or a parent is missing.
    [[nodiscard]] Result<FdRef> make_directory(const InsidePath& path);

    /// Facts of the thing itself; links are followed in its parents only.
    [[nodiscard]] Result<FileFacts> facts(const InsidePath& path);

    /// A mount point: the existing file if its type fits (for a file: anything but a directory),
    /// else a new empty file or directory. A link of the image is replaced; a link on a volume is
    /// the mount point itself.
    [[nodiscard]] Result<MountPoint> mount_point(const InsidePath& path, bool directory);

    /// A link to `target`. A link of the image to something else is atomically replaced; so is a
    /// regular file of at most 64 KiB, if asked for. Returns false, and changes nothing, if
    /// something else is there, or a link on a volume.
    enum class Replace { links, small_files };
    [[nodiscard]] Result<bool> link(const InsidePath& path, const std::string& target,
                                    Replace replace = Replace::links);

    /// Changes the mode of a file or directory, links followed. False, and nothing changes, where
    /// it is missing or lies on a volume.
    [[nodiscard]] Result<bool> change_mode(const InsidePath& path, std::uint32_t mode);

    /// The content of a regular file, at most `limit` bytes; nothing if there is no such file, or
    /// a link or anything else in its place.
    [[nodiscard]] Result<std::optional<std::string>> read(const InsidePath& path,
                                                          std::size_t limit);

    /// The same where a link is legitimate: it is followed as long as it stays on the root's own
    /// mount.
    [[nodiscard]] Result<std::optional<std::string>> read_linked(const InsidePath& path,
                                                                 std::size_t limit);

    /// The regular file of that name, for reading; nothing if it is missing, or a link or of
    /// another type. Opening it never blocks.
    [[nodiscard]] Result<std::optional<Fd>> open_file(const InsidePath& path);

    /// The names in a directory, sorted, without "." and ".."; an error past 65,536 of them.
    [[nodiscard]] Result<std::vector<std::string>> list(const InsidePath& path);

    /// Atomic replace; makes the file if missing. The directory must exist. Refused on a volume.
    [[nodiscard]] Status write(const InsidePath& path, std::string_view data, std::uint32_t mode);

    /// Replaces a file that exists by one with that file's permissions, owner, label, ACL and user
    /// attributes.
    [[nodiscard]] Status write_like(const InsidePath& path, std::string_view data,
                                    const FileModel& model);

    /// From the text of a file, nothing where there is no regular file, to its new text; nothing
    /// or the same text: the file stays as it is.
    using Edit = std::function<std::optional<std::string>(const std::optional<std::string>&)>;

    /// A small file of this program's for the container's time, looked up once and atomically
    /// replaced, with the directories above it. A file of the image is its model, as in
    /// write_like(), and lies beside it under another name meanwhile. Refused where something other
    /// than a regular file has the name, and on a volume.
    [[nodiscard]] Status edit_file(const InsidePath& path, const Edit& edit);

    /// The same for a text that does not depend on the one before.
    [[nodiscard]] Status put_file(const InsidePath& path, const std::string& text);

    /// Undoes a creation if it is unchanged: the same inode, of the same size, a file with content
    /// not written to since, and a directory empty. A former file comes back itself; a link, and
    /// a file that does not lie aside, as a new one with its owner, permissions and time. False: it
    /// is somebody else's by now, or gone. An error: it is still there, and the former file still
    /// missing. No mount below the root is entered.
    [[nodiscard]] Result<bool> remove(const Creation& creation);

    /// Called before each creation on the root's own mount: with the planned creation, or with the
    /// temporary name of an atomic replace (type `other`). An error prevents the creation. remove()
    /// undoes a planned creation if the file there is as planned.
    using Announce = std::function<Status(const Creation& planned)>;
    void announce_to(Announce announce) { announce_ = std::move(announce); }

    /// Creations leave the times of their directories as they were; these are set now. Needs the
    /// rights on the directories.
    void restore_times();

    /// All creations so far, oldest first, except in file systems mounted below the root: these go
    /// with the container.
    [[nodiscard]] const std::vector<Creation>& creations() const { return creations_; }

  private:
    struct Place {
        Fd fd = {};
        bool volume = false;
        mutable std::optional<FileFacts> facts = {}; ///< as they were when it was opened
    };
    using Rights = std::optional<FileRights>; ///< nothing: this process's own

    RootDir(Fd fd, std::uint64_t mount) : fd_(std::move(fd)), mount_(mount) {}
    /// `rules` beside RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS.
    [[nodiscard]] static Result<Fd> open_in_root(FdRef root, const std::string& path,
                                                 std::uint64_t flags, std::uint64_t rules = 0);
    [[nodiscard]] Result<Place> resolve(const InsidePath& path, std::uint64_t flags) const;
    [[nodiscard]] Result<Place> resolve_linked(const InsidePath& path) const;
    [[nodiscard]] Result<bool> is_volume(const FileFacts& found, FdRef fd) const;
    /// Read once: the inode and the mount of a descriptor stay.
    [[nodiscard]] static Result<FileFacts> facts_of(const Place& place);
    /// Before a creation there. Two paths can lead to one directory, which has one time.
    void keep_time(const Place& parent);
    [[nodiscard]] Result<Rights> rights_at(const Place& place) const;
    template <typename T>
    [[nodiscard]] Result<T> watched(Result<T> result) const;
    /// An existing directory; one that is made where it or a parent is missing.
    [[nodiscard]] Result<const Place*> place(const InsidePath& path);
    [[nodiscard]] Result<const Place*> make_place(const InsidePath& path);
    /// The regular file that an O_PATH descriptor stands for.
    [[nodiscard]] Result<std::optional<Fd>> open_handle(const Result<Place>& handle,
                                                        const InsidePath& path) const;
    /// The former file at the place of a creation, with its text if it is a regular file.
    struct FormerFile {
        Creation creation = {};
        std::optional<Fd> file = {}; ///< open for reading
    };
    [[nodiscard]] Result<FormerFile> former_file(const InsidePath& path);
    [[nodiscard]] Status announce(const Place& parent, Creation planned,
                                  std::string content = {}) const;
    [[nodiscard]] Status announce_temporary(const Place& parent, const InsidePath& path) const;
    [[nodiscard]] Status announce_former(const Place& parent, const Creation& creation) const;
    [[nodiscard]] Status restore(const Place& parent, const Creation& creation) const;
    /// Records the creation with these attributes, by default those of its name; undoes it if they
    /// could not be read.
    [[nodiscard]] Status record(const Place& parent, Creation made);
    [[nodiscard]] Status record(const Place& parent, Creation made, const Result<FileFacts>& found);
    [[nodiscard]] Result<MountPoint> make_mount_point(const Place& parent, const Creation& made,
                                                      bool directory);
    [[nodiscard]] Result<MountPoint> replace_by_mount_point(const Place& parent, FdRef link,
                                                            Creation made, bool directory);

    Fd fd_;
    std::uint64_t mount_;               ///< of the root
    std::optional<FileUser> user_ = {}; ///< on volumes
    std::optional<std::vector<DeviceNumber>> host_file_systems_ = {};
    std::map<InsidePath, Place> directories_ = {};
    struct KeptTime {
        KeptTime(Fd fd, std::uint64_t mount)
            : directory(std::move(fd)), time(directory.ref(), mount) {}
        Fd directory;
        DirectoryTime time;
    };
    std::map<std::uint64_t, KeptTime> kept_times_ = {}; ///< by inode, on the root's own mount
    std::vector<Creation> creations_ = {};
    mutable std::optional<Error> unanswered_ = {};
    Announce announce_ = {};
};

} // namespace grapnel::sys
