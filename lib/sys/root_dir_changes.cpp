// SPDX-License-Identifier: Apache-2.0
// What is made, replaced and removed.
#include "sys/root_dir.hpp"

#include "base/text.hpp"
#include "sys/process.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr const char* read_only_cure =
    "give the container a writable root file system, or make these files and directories in the "
    "image beforehand";
/// EOVERFLOW: an overlay first copies the directory with its owner, who has no ID here.
constexpr const char* other_owner_cure =
    "where its directory is another user's, give the image to the user who starts the container";

/// Of `name` in `parent`, or of the link that is open, for an empty name.
Result<std::string> read_link(FdRef parent, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const auto length = readlinkat(parent.value, name.c_str(), target.data(), target.size());
    if (length < 0)
        return system_error("readlink");
    return std::string(target.data(), static_cast<std::size_t>(length));
}

/// A link in the place of what is there, in one step.
Status replace_link(FdRef parent, const std::string& name, const std::string& target) {
    const auto temporary = "." + name + ".grapnel-" + std::to_string(getpid());
    unlinkat(parent.value, temporary.c_str(), 0); // left by a hook that was killed
    if (symlinkat(target.c_str(), parent.value, temporary.c_str()) != 0)
        return system_error("symlinkat");
    if (renameat(parent.value, temporary.c_str(), parent.value, name.c_str()) != 0) {
        auto failed = system_error("renameat");
        unlinkat(parent.value, temporary.c_str(), 0);
        return failed;
    }
    return {};
}

/// What was there before, in the place of a file or a link, or of nothing: in one step.
Status make_former(FdRef parent, const std::string& name, const Creation& creation) {
    const auto make = [&]() -> Status {
        return creation.former_text
                   ? replace_file(parent, name, *creation.former_text, creation.former.mode & 0777)
                   : replace_link(parent, name, *creation.former_target);
    };
    const auto before = file_owner();
    create_files_as(creation.former.owner);
    auto made = make();
    create_files_as(before);
    return made ? made : make(); // not every file system takes every owner
}

/// The same in the place of what was made, which stays where that fails.
Status put_back(FdRef parent, const std::string& name, const Creation& creation) {
    if (creation.facts.type != FileFacts::Type::directory)
        return make_former(parent, name, creation);
    const auto aside = "." + name + ".grapnel-former-" + std::to_string(getpid());
    GRAPNEL_TRY(make_former(parent, aside, creation));
    if (unlinkat(parent.value, name.c_str(), AT_REMOVEDIR) == 0
        && renameat(parent.value, aside.c_str(), parent.value, name.c_str()) == 0)
        return {};
    auto failed = system_error("put back " + quote(name));
    unlinkat(parent.value, aside.c_str(), 0);
    return failed;
}

Status take_away(FdRef parent, const std::string& name, const Creation& creation) {
    if (creation.has_former())
        return put_back(parent, name, creation);
    // a directory goes only if it is empty: the kernel sees to that
    const bool directory = creation.facts.type == FileFacts::Type::directory;
    if (unlinkat(parent.value, name.c_str(), directory ? AT_REMOVEDIR : 0) != 0)
        return system_error("remove " + quote(name));
    return {};
}

/// A mount point is empty, and what is mounted on it can be used. What has content is
/// somebody else's once it was written to.
bool is_as_made(const FileFacts& now, const FileFacts& then) {
    if (now.type != then.type || now.inode != then.inode)
        return false;
    if (then.type == FileFacts::Type::directory)
        return true;
    const bool has_time = then.type == FileFacts::Type::regular && then.size != 0;
    return now.size == then.size && (!has_time || now.modified_ns == then.modified_ns);
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

Error on_volume(const InsidePath& path) {
    return refused(quote(path.text()) + " lies on a volume");
}

} // namespace

Status RootDir::record(const Place& parent, Creation made) {
    const std::string name(made.path.name());
    const auto found = sys::facts(parent.fd.ref(), name.c_str());
    if (!found) {
        (void)take_away(parent.fd.ref(), name, made);
        return found.error();
    }
    made.facts = *found;
    if (made.facts.mount == mount_)
        creations_.push_back(std::move(made));
    return {};
}

Result<const RootDir::Place*> RootDir::make_place(const InsidePath& path) {
    auto existing = place(path);
    if (existing || existing.error().sys != ENOENT)
        return existing;
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto rights = GRAPNEL_TRY(rights_at(*parent));
    const auto at = parent->fd.ref().value;
    const std::string name(path.name());
    if (mkdirat(at, name.c_str(), 0755) != 0)
        // EEXIST is a link to nowhere, or a rival in the container
        return create_error(path, parent->volume);
    GRAPNEL_TRY(record(*parent, {.path = path, .facts = {.type = FileFacts::Type::directory}}));
    Fd fd(openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return create_error(path, parent->volume);
    Place made{.fd = std::move(fd), .volume = parent->volume};
    return &directories_.emplace(path, std::move(made)).first->second;
}

Result<FdRef> RootDir::make_directory(const InsidePath& path) {
    return GRAPNEL_TRY(make_place(path))->fd.ref();
}

Result<Fd> RootDir::make_mount_point(const Place& parent, const Creation& made, bool directory) {
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
    GRAPNEL_TRY(record(parent, made));
    return fd;
}

/// The link is read by its descriptor before it goes, and comes back where nothing can be made.
Result<Fd> RootDir::replace_by_mount_point(const Place& parent, FdRef link, Creation made,
                                           bool directory) {
    const std::string name(made.path.name());
    const auto doing = "replace the link " + quote(made.path.text()) + " in the root file system";
    made.former_target = GRAPNEL_TRY(read_link(link, "").note(doing));
    if (unlinkat(parent.fd.ref().value, name.c_str(), 0) != 0)
        return system_error(doing);
    auto point = make_mount_point(parent, made, directory);
    if (!point && !sys::facts(parent.fd.ref(), name.c_str()))
        (void)make_former(parent.fd.ref(), name, made);
    return point;
}

Result<Fd> RootDir::mount_point(const InsidePath& path, bool directory) {
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto rights = GRAPNEL_TRY(rights_at(*parent));
    const std::string name(path.name());
    const auto type = directory ? FileFacts::Type::directory : FileFacts::Type::regular;
    const Creation creation{.path = path, .facts = {.type = type}};
    auto made = make_mount_point(*parent, creation, directory);
    if (made)
        return made;
    Fd fd(openat(parent->fd.ref().value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return made; // nothing there, and nothing can be made
    const auto found = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    if (found.type == FileFacts::Type::link && parent->volume)
        return fd;
    if (found.type == FileFacts::Type::link) {
        auto replacement = creation;
        replacement.former = found;
        return replace_by_mount_point(*parent, fd.ref(), std::move(replacement), directory);
    }
    if ((found.type == FileFacts::Type::directory) != directory)
        return refused(quote(path.text()) + " in the root file system is "
                           + (directory ? "no directory" : "a directory"),
                       "the driver puts its own there: remove it from the image");
    return fd;
}

Result<bool> RootDir::link(const InsidePath& path, const std::string& target) {
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto rights = GRAPNEL_TRY(rights_at(*parent));
    const auto at = parent->fd.ref();
    const std::string name(path.name());
    Creation made{.path = path, .facts = {.type = FileFacts::Type::link}};
    if (symlinkat(target.c_str(), at.value, name.c_str()) == 0) {
        GRAPNEL_TRY(record(*parent, std::move(made)));
        return true;
    }
    const auto error = create_error(path, parent->volume);
    const Fd there(openat(at.value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!there.valid())
        return error; // nothing there, and nothing can be made
    made.former = GRAPNEL_TRY(sys::facts(there.ref(), ""));
    if (made.former.type != FileFacts::Type::link)
        return false;
    made.former_target = GRAPNEL_TRY(read_link(there.ref(), "").note(quote(path.text())));
    if (made.former_target == target)
        return true;
    if (parent->volume)
        return false;
    if (const auto done = replace_link(at, name, target); !done) {
        errno = done.error().sys;
        return create_error(path, false);
    }
    GRAPNEL_TRY(record(*parent, std::move(made)));
    return true;
}

Status RootDir::write(const InsidePath& path, std::string_view data, std::uint32_t mode) {
    const auto* const parent = GRAPNEL_TRY(place(path.parent()));
    if (parent->volume)
        return on_volume(path);
    return replace_file(parent->fd.ref(), std::string(path.name()), data, mode);
}

Result<Creation> RootDir::former_file(const InsidePath& path) {
    constexpr std::size_t limit = 65536;
    Creation former{.path = path, .facts = {.type = FileFacts::Type::regular}};
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
    const bool volume = GRAPNEL_TRY(is_volume(fd.ref()));
    const Result<Place> handle(Place{.fd = std::move(fd), .volume = volume});
    former.former = GRAPNEL_TRY(sys::facts(handle->fd.ref(), ""));
    if (const auto file = GRAPNEL_TRY(open_handle(handle, path)))
        former.former_text = GRAPNEL_TRY(read_all(file->ref(), limit, quote(path.text())));
    return former;
}

Status RootDir::edit_file(const InsidePath& path, const Edit& edit) {
    auto made = GRAPNEL_TRY(former_file(path));
    const auto text = edit(made.former_text);
    if (!text || text == made.former_text)
        return {};
    const auto* const parent = GRAPNEL_TRY(make_place(path.parent()));
    const auto at = parent->fd.ref();
    if (GRAPNEL_TRY(sys::facts(at, "")).mount != mount_)
        return on_volume(path);
    const bool is_there = made.former.inode != 0;
    if (is_there && (!made.former_text || made.former.mount != mount_))
        return refused(quote(path.text()) + " in the root file system is no regular file");
    auto written = replace_file(at, std::string(path.name()), *text, 0644);
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
    const auto parent = open_in_root(fd_.ref(), creation.path.parent().text(), O_PATH | O_DIRECTORY,
                                     RESOLVE_NO_XDEV);
    const auto is_elsewhere = [](const Error& error) {
        return error.sys == ENOENT || error.sys == ENOTDIR || error.sys == ELOOP
               || error.sys == EXDEV;
    };
    if (!parent)
        return is_elsewhere(parent.error()) ? Result<bool>(false) : Result<bool>(parent.error());
    const std::string name(creation.path.name());
    const auto now = sys::facts(parent->ref(), name.c_str());
    if (!now)
        return is_elsewhere(now.error()) ? Result<bool>(false) : Result<bool>(now.error());
    if (now->mount != mount_ || !is_as_made(*now, creation.facts))
        return false;
    auto removed = take_away(parent->ref(), name, creation);
    if (!removed && removed.error().sys == ENOTEMPTY)
        return false;
    GRAPNEL_TRY(std::move(removed).note(quote(creation.path.text())));
    directories_.erase(creation.path);
    return true;
}

} // namespace grapnel::sys
