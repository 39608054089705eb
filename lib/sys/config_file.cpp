// SPDX-License-Identifier: Apache-2.0
#include "sys/config_file.hpp"

#include "sys/atomic_file.hpp"

#include <cerrno>
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

Status flush(FdRef directory, const HostPath& path) {
    if (fsync(directory.value) != 0)
        return system_error("fsync " + path.parent().text());
    return {};
}

/// The file that a link leads to, in its own directory.
Result<Fd> open_target(FdRef file, const HostPath& target) {
    auto directory = GRAPNEL_TRY(open_host_directory(target.parent()));
    const auto named = GRAPNEL_TRY(facts(directory.ref(), std::string(target.name()).c_str()));
    if (named.id() != GRAPNEL_TRY(facts(file, "")).id())
        return changed_meanwhile(target.text());
    return directory;
}

} // namespace

/// Later calls use the descriptors, so that the path cannot lead to another file meanwhile.
Result<ConfigFile> ConfigFile::open(const HostPath& path, std::size_t limit) {
    ConfigFile file;
    file.path_ = path;
    auto directory = open_host_directory(path.parent());
    if (!directory && directory.error().sys == ENOENT)
        return file;
    file.directory_ = GRAPNEL_TRY(std::move(directory));
    const std::string name(path.name());
    const auto found = sys::facts(file.directory_.ref(), name.c_str());
    if (!found && found.error().sys == ENOENT)
        return file;
    if (!found)
        return found.error();
    auto opened = open_regular_file(file.directory_.ref(), name, path.text());
    if (!opened && opened.error().sys == ENOENT)
        return refused(path.text() + " is a link that leads to nothing",
                       "make the file that it names, or remove it");
    file.file_ = GRAPNEL_TRY(std::move(opened)).fd;
    file.facts_ = GRAPNEL_TRY(sys::facts(file.file_.ref(), ""));
    if (found->type == FileFacts::Type::link) {
        file.path_ = GRAPNEL_TRY(path_of(file.file_.ref()));
        file.directory_ = GRAPNEL_TRY(open_target(file.file_.ref(), file.path_));
    }
    file.text_ = GRAPNEL_TRY(read_all(file.file_.ref(), limit, path.text()));
    return file;
}

Status ConfigFile::check_unchanged(FdRef directory) const {
    const auto now = sys::facts(directory, std::string(path_.name()).c_str());
    if (!now && now.error().sys != ENOENT)
        return now.error();
    const bool same = facts_ ? now && now->id() == facts_->id() && now->size == facts_->size
                                   && now->modified_ns == facts_->modified_ns
                             : !now;
    if (!same)
        return changed_meanwhile(path_.text());
    return {};
}

Status ConfigFile::replace(std::string_view text, const std::optional<FileFacts>& like) const {
    Fd made;
    if (!directory_.valid())
        made = GRAPNEL_TRY(make_directories(path_.parent()));
    const auto directory = directory_.valid() ? directory_.ref() : made.ref();
    const std::string name(path_.name());
    const FileFacts new_file{.mode = 0644, .owner = {.user = geteuid(), .group = getegid()}};
    const auto model = facts_ ? *facts_ : like.value_or(new_file);
    auto fresh = GRAPNEL_TRY(
        AtomicFile::write(directory, name, text, model, file_.ref(), path_.text(), !facts_));
    GRAPNEL_TRY(fresh.flush());
    GRAPNEL_TRY(check_unchanged(directory));
    GRAPNEL_TRY(fresh.replace(name));
    return flush(directory, path_);
}

Status ConfigFile::remove() const {
    GRAPNEL_TRY(check_unchanged(directory_.ref()));
    if (unlinkat(directory_.ref().value, std::string(path_.name()).c_str(), 0) != 0)
        return system_error("remove " + path_.text(), cure_for_writing(errno));
    return flush(directory_.ref(), path_);
}

Status ConfigFile::copy_to(const std::string& name) const {
    const auto path = (path_.parent() / name).text();
    {
        const auto copy = GRAPNEL_TRY(
            AtomicFile::write(directory_.ref(), std::string(path_.name()), text_.value_or(""),
                              facts_.value_or(FileFacts{.mode = 0600}), file_.ref(), path, true));
        GRAPNEL_TRY(copy.flush());
        GRAPNEL_TRY(copy.add(name));
    }
    return flush(directory_.ref(), path_);
}

} // namespace grapnel::sys
