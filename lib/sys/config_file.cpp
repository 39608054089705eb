// SPDX-License-Identifier: Apache-2.0
#include "sys/config_file.hpp"

#include "base/text.hpp"
#include "sys/file_like.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

/// With mode 0755 where they are missing.
Result<Fd> make_directories(const HostPath& path) {
    auto fd = open_host_directory(path);
    if (fd || fd.error().sys != ENOENT || path.text() == "/")
        return fd;
    GRAPNEL_TRY(make_directories(path.parent()));
    if (mkdir(path.text().c_str(), 0755) != 0 && errno != EEXIST)
        return system_error("mkdir " + path.text(), cure_for_writing(errno));
    return open_host_directory(path);
}

bool same_file(const FileFacts& a, const FileFacts& b) {
    return a.device == b.device && a.inode == b.inode;
}

/// What a file is called until it is whole: one name for all processes, so that one at a time
/// changes the file, and what a process leaves that is killed is found by the next.
std::string temporary_name(const std::string& name) {
    return "." + name + ".grapnel-new";
}

Error changed_meanwhile(const std::string& path) {
    return refused(path + " was changed by somebody else just now", "try again");
}

bool is_named(FdRef directory, const std::string& name, FdRef fd) {
    const auto named = sys::facts(directory, name.c_str());
    const auto held = sys::facts(fd, "");
    return named && held && same_file(*named, *held);
}

/// Whoever makes a temporary file has a lock on it: without one it was left.
Status remove_left(FdRef directory, const std::string& name, const std::string& path) {
    const Fd left(
        openat(directory.value, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!left.valid() && errno == ENOENT)
        return {};
    if (!left.valid())
        return system_error("open " + quote(name) + " beside " + path, "remove it");
    if (flock(left.ref().value, LOCK_EX | LOCK_NB) != 0)
        return changed_meanwhile(path);
    if (is_named(directory, name, left.ref()))
        unlinkat(directory.value, name.c_str(), 0);
    return {};
}

/// A new file of that name that no other process takes away, as long as it is open.
Result<Fd> make_locked(FdRef directory, const std::string& name, const std::string& path) {
    GRAPNEL_TRY(remove_left(directory, name, path));
    Fd fd(openat(directory.value, name.c_str(),
                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid() && errno == EEXIST)
        return changed_meanwhile(path);
    if (!fd.valid())
        return system_error("create " + path, cure_for_writing(errno));
    // another process can have found it before it had its lock
    if (flock(fd.ref().value, LOCK_EX | LOCK_NB) != 0 || !is_named(directory, name, fd.ref()))
        return changed_meanwhile(path);
    return fd;
}

/// A new file in the directory, whole and on the disk.
Result<Fd> make_whole(FdRef directory, const std::string& name, std::string_view text,
                      const FileFacts& like, const std::optional<std::string>& labelled_as,
                      const std::string& path) {
    auto fd = GRAPNEL_TRY(make_locked(directory, name, path));
    auto written = write_all(fd.ref(), text, path);
    if (written)
        written =
            take_rights(fd.ref(), like).note(path).cure("run this as the file's owner or as root");
    if (written && labelled_as) {
        const Fd old(openat(directory.value, labelled_as->c_str(),
                            O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
        copy_access_attributes(old.ref(), fd.ref());
    }
    if (written && fsync(fd.ref().value) != 0)
        written = system_error("fsync " + path);
    if (written)
        return fd;
    unlinkat(directory.value, name.c_str(), 0);
    return written.error();
}

Status flush(FdRef directory, const HostPath& path) {
    if (fsync(directory.value) != 0)
        return system_error("fsync " + path.parent().text());
    return {};
}

} // namespace

Result<ConfigFile> ConfigFile::open(const HostPath& path, std::size_t limit) {
    ConfigFile file;
    file.path_ = path;
    const auto found = sys::facts({AT_FDCWD}, path.text().c_str());
    if (!found && found.error().sys == ENOENT)
        return file;
    if (!found)
        return found.error();
    auto fd = open_host_file(path);
    if (!fd && fd.error().sys == ENOENT)
        return refused(path.text() + " is a link that leads to nothing",
                       "make the file that it names, or remove it");
    if (!fd)
        return fd.error();
    if (found->type == FileFacts::Type::link)
        file.path_ = GRAPNEL_TRY(path_of(fd->ref()));
    file.facts_ = GRAPNEL_TRY(sys::facts(fd->ref(), ""));
    file.text_ = GRAPNEL_TRY(read_all(fd->ref(), limit, path.text()));
    return file;
}

Status ConfigFile::check_unchanged(FdRef directory) const {
    const auto now = sys::facts(directory, std::string(path_.name()).c_str());
    const bool same = facts_ ? now && same_file(*now, *facts_) && now->size == facts_->size
                                   && now->modified_ns == facts_->modified_ns
                             : !now && now.error().sys == ENOENT;
    if (!same)
        return changed_meanwhile(path_.text());
    return {};
}

Status ConfigFile::replace(std::string_view text, const std::optional<FileFacts>& like) const {
    const auto directory = GRAPNEL_TRY(make_directories(path_.parent()));
    const std::string name(path_.name());
    const auto temporary = temporary_name(name);
    const FileFacts new_file{.mode = 0644, .owner = {.user = geteuid(), .group = getegid()}};
    const auto held = GRAPNEL_TRY(
        make_whole(directory.ref(), temporary, text, facts_ ? *facts_ : like.value_or(new_file),
                   facts_ ? std::optional(name) : std::nullopt, path_.text()));
    auto done = check_unchanged(directory.ref());
    if (done
        && renameat(directory.ref().value, temporary.c_str(), directory.ref().value, name.c_str())
               != 0)
        done = system_error("replace " + path_.text(), cure_for_writing(errno));
    if (!done)
        unlinkat(directory.ref().value, temporary.c_str(), 0);
    return done ? flush(directory.ref(), path_) : done;
}

Status ConfigFile::remove() const {
    const auto directory = GRAPNEL_TRY(open_host_directory(path_.parent()));
    GRAPNEL_TRY(check_unchanged(directory.ref()));
    if (unlinkat(directory.ref().value, std::string(path_.name()).c_str(), 0) != 0)
        return system_error("remove " + path_.text(), cure_for_writing(errno));
    return flush(directory.ref(), path_);
}

Status ConfigFile::copy_to(const std::string& name) const {
    const auto directory = GRAPNEL_TRY(open_host_directory(path_.parent()));
    const auto at = directory.ref().value;
    const auto path = (path_.parent() / name).text();
    const auto temporary = temporary_name(std::string(path_.name()));
    const auto held = GRAPNEL_TRY(make_whole(directory.ref(), temporary, text_.value_or(""),
                                             facts_.value_or(FileFacts{.mode = 0600}),
                                             std::string(path_.name()), path));
    Status done;
    if (linkat(at, temporary.c_str(), at, name.c_str(), 0) != 0)
        done = errno == EEXIST ? changed_meanwhile(path) : system_error("create " + path);
    unlinkat(at, temporary.c_str(), 0);
    GRAPNEL_TRY(std::move(done));
    return flush(directory.ref(), path_);
}

} // namespace grapnel::sys
