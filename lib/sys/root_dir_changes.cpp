// SPDX-License-Identifier: Apache-2.0
// Creations, replacements and removals.
#include "sys/root_dir.hpp"

#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/file_like.hpp"
#include "sys/former.hpp"
#include "sys/proc_self.hpp"
#include "sys/process.hpp"
#include "sys/propagation.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr const char* read_only_cure =
    "give the container a writable root file system, or make these files and directories in the "
    "image beforehand";
/// EOVERFLOW: an overlay first copies the directory with its owner, which has no ID here.
constexpr const char* other_owner_cure =
    "where its directory is another user's, give the image to the user who starts the container";

/// Of a file that is replaced, and comes back when the container has ended.
constexpr std::size_t former_limit = 65536;

/// A mount point is empty, and its mount may be in use. A file with content is somebody else's once
/// it was written to.
bool is_as_made(const FileFacts& now, const FileFacts& then) {
    if (now.type != then.type || now.inode != then.inode)
        return false;
    if (then.type == FileFacts::Type::directory)
        return true;
    const bool has_time = then.type == FileFacts::Type::regular && then.size != 0;
    return now.size == then.size && (!has_time || now.modified_ns == then.modified_ns);
}

/// A name that leads to no directory and cannot be made one.
Error dangling(const InsidePath& path) {
    return refused(quote(path.text())
                       + " in the root file system is a symbolic link to a "
                         "directory that is not there",
                   "make its target in the image, or remove the link");
}

Error not_a_directory(const InsidePath& path) {
    return refused(quote(path.text()) + " in the root file system is not a directory",
                   "the driver's files lie there: make it a directory in the image");
}

constexpr const char* volume_cure =
    "make it on the volume beforehand, or mount a volume there that the container's user may write "
    "to";

Error create_error(const InsidePath& path, bool volume) {
    auto error = system_error(
        "create " + quote(path.text())
        + (volume ? " on a volume, as the container's user" : " in the root file system"));
    if (volume)
        error.cure = volume_cure;
    else if (error.sys == EROFS)
        error.cure = read_only_cure;
    else if (error.sys == EACCES || error.sys == EOVERFLOW)
        error.cure = other_owner_cure;
    return error;
}

Fd open_there(FdRef parent, const std::string& name) {
    return Fd(openat(parent.value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

/// A process can have been killed after it removed one thing and before it made the other.
bool is_missing_former(const Creation& creation) {
    return creation.has_former()
           && (creation.planned || creation.facts.type == FileFacts::Type::directory);
}

Error on_volume(const InsidePath& path) {
    return refused(quote(path.text()) + " lies on a volume");
}

} // namespace

void RootDir::keep_time(const Place& parent) {
    const auto found = facts_of(parent);
    if (!found || found->mount != mount_ || kept_times_.contains(found->inode))
        return;
    if (auto directory = duplicate(parent.fd.ref()))
        kept_times_.try_emplace(found->inode, std::move(*directory), mount_);
}

void RootDir::restore_times() {
    kept_times_.clear();
}

Status RootDir::record(const Place& parent, Creation made) {
    const auto found = sys::facts(parent.fd.ref(), std::string(made.path.name()).c_str());
    return record(parent, std::move(made), found);
}

Status RootDir::record(const Place& parent, Creation made, const Result<FileFacts>& found) {
    if (const auto kept = parent.facts ? kept_times_.find(parent.facts->inode) : kept_times_.end();
        kept != kept_times_.end())
        kept->second.time.changed();
    if (!found) {
        (void)take_away(parent.fd.ref(), std::string(made.path.name()), made);
        return found.error();
    }
    made.facts = *found;
    if (made.facts.mount == mount_)
        creations_.push_back(std::move(made));
    return {};
}

Result<const RootDir::Place*> RootDir::make_place(const InsidePath& path) {
    auto existing = place(path);
    const int failure = existing ? 0 : existing.error().sys;
    const bool is_spoiled = failure == ENOTDIR || failure == ELOOP;
    if (!is_spoiled && failure != ENOENT)
        return existing;
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent())); // names the first of them
    if (is_spoiled)
        return failure == ELOOP ? dangling(path) : not_a_directory(path);
    const auto rights = GRAPNEL_TRY(rights_at(*parent));
    const auto at = parent->fd.ref().value;
    const std::string name(path.name());
    const Creation made{.path = path, .facts = {.type = FileFacts::Type::directory}};
    GRAPNEL_TRY(announce(*parent, made));
    keep_time(*parent);
    if (mkdirat(at, name.c_str(), 0755) != 0)
        return errno == EEXIST ? dangling(path) : create_error(path, parent->volume);
    GRAPNEL_TRY(record(*parent, made));
    Fd fd(openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return create_error(path, parent->volume);
    Place place{.fd = std::move(fd), .volume = parent->volume};
    return &directories_.emplace(path, std::move(place)).first->second;
}

Result<FdRef> RootDir::make_directory(const InsidePath& path) {
    return GRAPNEL_TRY(make_place(path))->fd.ref();
}

Result<MountPoint> RootDir::make_mount_point(const Place& parent, const Creation& made,
                                             bool directory) {
    const auto& path = made.path;
    const auto at = parent.fd.ref().value;
    const std::string name(path.name());
    if (directory && mkdirat(at, name.c_str(), 0755) != 0)
        return create_error(path, parent.volume);
    const int flags = directory ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
                                : O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
    Fd fd(openat(at, name.c_str(), flags, 0644));
    if (!fd.valid()) {
        auto failed = create_error(path, parent.volume);
        if (directory)
            unlinkat(at, name.c_str(), AT_REMOVEDIR);
        return failed;
    }
    const auto found = sys::facts(fd.ref(), "");
    GRAPNEL_TRY(record(parent, made, found));
    return MountPoint{.fd = std::move(fd), .facts = *found};
}

/// The link is read by its descriptor before it goes, and comes back where nothing can be made.
Result<MountPoint> RootDir::replace_by_mount_point(const Place& parent, FdRef link, Creation made,
                                                   bool directory) {
    const std::string name(made.path.name());
    const auto doing = "replace the link " + quote(made.path.text()) + " in the root file system";
    made.former_target = GRAPNEL_TRY(read_link(link, "").note(doing));
    GRAPNEL_TRY(announce(parent, made));
    keep_time(parent);
    if (unlinkat(parent.fd.ref().value, name.c_str(), 0) != 0)
        return system_error(doing);
    auto point = make_mount_point(parent, made, directory);
    if (!point && !sys::facts(parent.fd.ref(), name.c_str()))
        (void)make_former(parent.fd.ref(), name, made);
    return point;
}

Result<MountPoint> RootDir::mount_point(const InsidePath& path, bool directory) {
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto rights = GRAPNEL_TRY(rights_at(*parent));
    const std::string name(path.name());
    const auto type = directory ? FileFacts::Type::directory : FileFacts::Type::regular;
    const Creation creation{.path = path, .facts = {.type = type}};
    const auto at = parent->fd.ref();
    auto fd = open_there(at, name);
    if (!fd.valid() && errno == ENOENT) {
        GRAPNEL_TRY(announce(*parent, creation));
        keep_time(*parent);
        auto made = make_mount_point(*parent, creation, directory);
        if (made || made.error().sys != EEXIST)
            return made;
        fd = open_there(at, name); // a rival made it
    }
    if (!fd.valid())
        return create_error(path, parent->volume);
    const auto found = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    if (found.type == FileFacts::Type::link && parent->volume)
        return MountPoint{.fd = std::move(fd), .facts = found};
    if (found.type == FileFacts::Type::link) {
        auto replacement = creation;
        replacement.former = found;
        return replace_by_mount_point(*parent, fd.ref(), std::move(replacement), directory);
    }
    if ((found.type == FileFacts::Type::directory) != directory)
        return refused(quote(path.text()) + " in the root file system is "
                           + (directory ? "no directory" : "a directory"),
                       "the driver puts its own there: remove it from the image");
    return MountPoint{.fd = std::move(fd), .facts = found};
}

Result<bool> RootDir::link(const InsidePath& path, const std::string& target, Replace replace) {
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto rights = GRAPNEL_TRY(rights_at(*parent));
    const auto at = parent->fd.ref();
    const std::string name(path.name());
    Creation made{.path = path, .facts = {.type = FileFacts::Type::link}};
    auto there = open_there(at, name);
    if (!there.valid() && errno == ENOENT) {
        GRAPNEL_TRY(announce(*parent, made, target));
        keep_time(*parent);
        if (symlinkat(target.c_str(), at.value, name.c_str()) == 0) {
            GRAPNEL_TRY(record(*parent, std::move(made)));
            return true;
        }
        if (errno == EEXIST)
            there = open_there(at, name); // a rival made it
    }
    if (!there.valid())
        return create_error(path, parent->volume);
    made.former = GRAPNEL_TRY(sys::facts(there.ref(), ""));
    if (made.former.type == FileFacts::Type::link)
        made.former_target = GRAPNEL_TRY(read_link(there.ref(), "").note(quote(path.text())));
    if (made.former_target == target)
        return true;
    if (parent->volume)
        return false;
    const bool is_small_file =
        made.former.type == FileFacts::Type::regular && made.former.size <= former_limit;
    if (is_small_file && replace == Replace::small_files && !made.former.mount_root)
        made.former_text = GRAPNEL_TRY(former_file(path)).creation.former_text;
    if (!made.has_former())
        return false;
    if (made.former_text)
        made.former_name = temporary_name(name);
    GRAPNEL_TRY(announce_temporary(*parent, path));
    GRAPNEL_TRY(announce(*parent, made, target));
    keep_time(*parent);
    if (const auto done =
            replace_link(at, name, target, made.former_text ? Former::aside : Former::removed);
        !done) {
        errno = done.error().sys;
        return create_error(path, false);
    }
    GRAPNEL_TRY(record(*parent, std::move(made)));
    return true;
}

Result<bool> RootDir::change_mode(const InsidePath& path, std::uint32_t mode) {
    const auto found = resolve(path, O_PATH);
    if (!found && (found.error().sys == ENOENT || found.error().sys == ENOTDIR))
        return false;
    if (!found)
        return found.error();
    if (found->volume)
        return false;
    GRAPNEL_TRY(sys::change_mode(found->fd.ref(), mode).note(quote(path.text())));
    return true;
}

Status RootDir::write(const InsidePath& path, std::string_view data, std::uint32_t mode) {
    const auto* const parent = GRAPNEL_TRY(place(path.parent()));
    if (parent->volume)
        return on_volume(path);
    GRAPNEL_TRY(announce_temporary(*parent, path));
    return replace_file(parent->fd.ref(), std::string(path.name()), data, mode);
}

Status RootDir::write_like(const InsidePath& path, std::string_view data, const FileModel& model) {
    const auto* const parent = GRAPNEL_TRY(place(path.parent()));
    if (parent->volume)
        return on_volume(path);
    GRAPNEL_TRY(announce_temporary(*parent, path));
    return replace_file_like(parent->fd.ref(), std::string(path.name()), data, model,
                             Former::removed);
}

Result<RootDir::FormerFile> RootDir::former_file(const InsidePath& path) {
    FormerFile former{.creation = {.path = path, .facts = {.type = FileFacts::Type::regular}}};
    const auto parent = place(path.parent());
    if (!parent && parent.error().sys == ENOENT)
        return former;
    if (!parent)
        return parent.error();
    const auto rights = GRAPNEL_TRY(rights_at(**parent));
    const std::string name(path.name());
    Fd fd(openat((*parent)->fd.ref().value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT)
        return former;
    if (!fd.valid())
        return system_error("open " + quote(path.text()) + " in the root file system");
    // read by one descriptor: the name can mean another file a moment later
    auto& facts = former.creation.former;
    facts = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    const bool volume = GRAPNEL_TRY(is_volume(facts, fd.ref()));
    const Result<Place> handle(Place{.fd = std::move(fd), .volume = volume, .facts = facts});
    former.file = GRAPNEL_TRY(open_handle(handle, path));
    if (former.file)
        former.creation.former_text =
            GRAPNEL_TRY(read_all(former.file->ref(), former_limit, quote(path.text())));
    return former;
}

Status RootDir::edit_file(const InsidePath& path, const Edit& edit) {
    auto former = GRAPNEL_TRY(former_file(path));
    auto& made = former.creation;
    const auto text = edit(made.former_text);
    if (!text || text == made.former_text)
        return {};
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto at = parent->fd.ref();
    if (GRAPNEL_TRY(facts_of(*parent)).mount != mount_)
        return on_volume(path);
    const bool is_there = made.former.inode != 0;
    if (is_there && (!made.former_text || made.former.mount != mount_))
        return refused(quote(path.text()) + " in the root file system is no regular file");
    const std::string name(path.name());
    if (is_there)
        made.former_name = temporary_name(name);
    GRAPNEL_TRY(announce_temporary(*parent, path));
    GRAPNEL_TRY(announce(*parent, made, *text));
    keep_time(*parent);
    auto written = former.file ? replace_file_like(at, name, *text,
                                                   {made.former, former.file->ref()}, Former::aside)
                               : replace_file(at, name, *text, 0644);
    if (!written && written.error().sys == EROFS)
        return refused(quote(path.text()) + " cannot be written: the root file system is read-only",
                       read_only_cure);
    if (!written)
        return written;
    return record(*parent, std::move(made));
}

Status RootDir::put_file(const InsidePath& path, const std::string& text) {
    return edit_file(path, [&](const auto&) { return std::optional(text); });
}

Result<bool> RootDir::remove(const Creation& creation) {
    auto opened = open_in_root(fd_.ref(), creation.path.parent().text(), O_PATH | O_DIRECTORY,
                               RESOLVE_NO_XDEV);
    const auto is_elsewhere = [](const Error& error) {
        return error.sys == ENOENT || error.sys == ENOTDIR || error.sys == ELOOP
               || error.sys == EXDEV;
    };
    if (!opened)
        return is_elsewhere(opened.error()) ? Result<bool>(false) : Result<bool>(opened.error());
    const Place parent{.fd = std::move(*opened)};
    const auto at = parent.fd.ref();
    const std::string name(creation.path.name());
    const DirectoryTime kept(at, mount_);
    if (creation.planned && GRAPNEL_TRY(facts_of(parent)).inode != creation.parent_inode)
        return false;
    const auto now = sys::facts(at, name.c_str());
    if (!now && now.error().sys == ENOENT && is_missing_former(creation)) {
        GRAPNEL_TRY(restore(parent, creation));
        return true;
    }
    if (!now)
        return is_elsewhere(now.error()) ? Result<bool>(false) : Result<bool>(now.error());
    if (now->mount != mount_)
        return false;
    const bool ours = creation.planned ? GRAPNEL_TRY(is_as_planned(at, name, *now, creation))
                                       : is_as_made(*now, creation.facts);
    if (!ours)
        return false;
    GRAPNEL_TRY(announce_former(parent, creation));
    auto removed = take_away(at, name, creation);
    if (!removed && removed.error().sys == ENOTEMPTY)
        return false;
    GRAPNEL_TRY(std::move(removed).note(quote(creation.path.text())));
    directories_.erase(creation.path);
    return true;
}

} // namespace grapnel::sys
