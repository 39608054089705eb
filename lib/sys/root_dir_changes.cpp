// SPDX-License-Identifier: Apache-2.0
// What is made, replaced and removed.
#include "sys/root_dir.hpp"

#include "base/text.hpp"
#include "sys/process.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
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

std::optional<std::string> read_link(FdRef parent, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const auto length = readlinkat(parent.value, name.c_str(), target.data(), target.size());
    if (length < 0)
        return std::nullopt;
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

/// What was there before, in the place of what is: where it cannot be made, that stays.
bool put_back(FdRef parent, const std::string& name, const Creation& creation) {
    const auto make = [&]() -> Status {
        return creation.former_text
                   ? replace_file(parent, name, *creation.former_text, creation.former.mode & 0777)
                   : replace_link(parent, name, *creation.former_target);
    };
    create_files_as(creation.former.owner);
    const auto made = make();
    create_files_as({});
    return made || make(); // not every file system takes every owner
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

Error create_error(const InsidePath& path) {
    auto error = system_error("create " + quote(path.text()) + " in the root file system");
    if (error.sys == EROFS)
        error.cure = read_only_cure;
    if (error.sys == EACCES || error.sys == EOVERFLOW)
        error.cure = other_owner_cure;
    return error;
}

} // namespace

Status RootDir::record(FdRef parent, Creation made) {
    const std::string name(made.path.name());
    made.facts = GRAPNEL_TRY(sys::facts(parent, name.c_str()));
    if (made.facts.mount == mount_)
        creations_.push_back(std::move(made));
    return {};
}

Result<FdRef> RootDir::make_directory(const InsidePath& path) {
    auto existing = directory(path);
    if (existing || existing.error().sys != ENOENT)
        return existing;
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    const std::string name(path.name());
    if (mkdirat(parent.value, name.c_str(), 0755) != 0)
        return create_error(path); // EEXIST is a link to nowhere, or a rival in the container
    GRAPNEL_TRY(record(parent, {.path = path}));
    Fd fd(openat(parent.value, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return create_error(path);
    return directories_.emplace(path, std::move(fd)).first->second.ref();
}

Result<Fd> RootDir::make_mount_point(FdRef parent, const Creation& made, bool directory) {
    const auto& path = made.path;
    const std::string name(path.name());
    if (directory && mkdirat(parent.value, name.c_str(), 0755) != 0)
        return create_error(path);
    const int flags = directory ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
                                : O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
    Fd fd(openat(parent.value, name.c_str(), flags, 0644));
    if (!fd.valid())
        return create_error(path);
    GRAPNEL_TRY(record(parent, made));
    return fd;
}

Result<Fd> RootDir::mount_point(const InsidePath& path, bool directory) {
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    const std::string name(path.name());
    auto made = make_mount_point(parent, {.path = path}, directory);
    if (made || (made.error().sys != EEXIST && made.error().sys != EROFS))
        return made;
    Fd fd(openat(parent.value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return made; // nothing there, and nothing can be made
    const auto found = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    if (found.type == FileFacts::Type::link && found.mount != mount_)
        return fd;
    if (found.type == FileFacts::Type::link) {
        auto former = read_link(parent, name);
        if (unlinkat(parent.value, name.c_str(), 0) != 0)
            return system_error("replace the link " + quote(path.text())
                                + " in the root file system");
        return make_mount_point(
            parent, {.path = path, .former_target = std::move(former), .former = found}, directory);
    }
    if ((found.type == FileFacts::Type::directory) != directory)
        return refused(quote(path.text()) + " in the root file system is "
                           + (directory ? "no directory" : "a directory"),
                       "the driver puts its own there: remove it from the image");
    return fd;
}

Result<bool> RootDir::link(const InsidePath& path, const std::string& target) {
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    const std::string name(path.name());
    if (symlinkat(target.c_str(), parent.value, name.c_str()) == 0) {
        GRAPNEL_TRY(record(parent, {.path = path}));
        return true;
    }
    if (errno != EEXIST && errno != EROFS)
        return create_error(path);
    const auto error = create_error(path);
    auto former = read_link(parent, name);
    if (!former)
        return error.sys == EROFS ? Result<bool>(error) : Result<bool>(false);
    if (*former == target)
        return true;
    if (GRAPNEL_TRY(sys::facts(parent, "")).mount != mount_)
        return false;
    const auto replaced = GRAPNEL_TRY(sys::facts(parent, name.c_str()));
    if (const auto done = replace_link(parent, name, target); !done) {
        errno = done.error().sys;
        return create_error(path);
    }
    GRAPNEL_TRY(
        record(parent, {.path = path, .former_target = std::move(former), .former = replaced}));
    return true;
}

Status RootDir::write(const InsidePath& path, std::string_view data, std::uint32_t mode) {
    const auto parent = GRAPNEL_TRY(directory(path.parent()));
    return replace_file(parent, std::string(path.name()), data, mode);
}

Result<Creation> RootDir::former_file(const InsidePath& path) {
    constexpr std::size_t limit = 65536;
    Creation former{.path = path};
    const auto parent = directory(path.parent());
    if (!parent && parent.error().sys == ENOENT)
        return former;
    if (!parent)
        return parent.error();
    const std::string name(path.name());
    Fd handle(openat(parent->value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!handle.valid() && errno == ENOENT)
        return former;
    if (!handle.valid())
        return system_error("open " + quote(path.text()) + " in the root file system");
    // read by one descriptor: the name can mean another file a moment later
    former.former = GRAPNEL_TRY(sys::facts(handle.ref(), ""));
    if (const auto file = GRAPNEL_TRY(open_handle(std::move(handle), path)))
        former.former_text = GRAPNEL_TRY(read_all(file->ref(), limit, quote(path.text())));
    return former;
}

Status RootDir::edit_file(const InsidePath& path, const Edit& edit) {
    auto made = GRAPNEL_TRY(former_file(path));
    const auto text = edit(made.former_text);
    if (!text || text == made.former_text)
        return {};
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    if (GRAPNEL_TRY(sys::facts(parent, "")).mount != mount_)
        return refused(quote(path.text()) + " lies on a volume");
    const bool is_there = made.former.inode != 0;
    if (is_there && (!made.former_text || made.former.mount != mount_))
        return refused(quote(path.text()) + " in the root file system is no regular file");
    auto written = replace_file(parent, std::string(path.name()), *text, 0644);
    if (!written && written.error().sys == EROFS)
        return refused(quote(path.text()) + " cannot be written: the root file system is read-only",
                       read_only_cure);
    if (!written)
        return written;
    return record(parent, std::move(made));
}

Status RootDir::put_file(const InsidePath& path, const std::string& text) {
    return edit_file(path, [&](const auto&) { return std::optional(text); });
}

bool RootDir::remove(const Creation& creation) {
    const auto parent = directory(creation.path.parent());
    if (!parent)
        return false;
    const std::string name(creation.path.name());
    const auto now = sys::facts(*parent, name.c_str());
    if (!now || now->mount != mount_ || !is_as_made(*now, creation.facts))
        return false;
    const bool directory = now->type == FileFacts::Type::directory;
    // a directory goes only if it is empty: the kernel sees to that
    if ((directory || !creation.has_former())
        && unlinkat(parent->value, name.c_str(), directory ? AT_REMOVEDIR : 0) != 0)
        return false;
    directories_.erase(creation.path);
    return !creation.has_former() || put_back(*parent, name, creation);
}

} // namespace grapnel::sys
