// SPDX-License-Identifier: Apache-2.0
#include "sys/former.hpp"

#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

/// Whether the former file has the name that it got, and its content. The inode does not tell: an
/// overlay can give a file another one when it copies it to the upper layer.
Result<bool> lies_aside(FdRef parent, const Creation& creation) {
    if (creation.former_name.empty() || !creation.former_text)
        return false;
    const auto now = facts(parent, creation.former_name.c_str());
    if (!now && now.error().sys == ENOENT)
        return false;
    const auto& found = GRAPNEL_TRY(now);
    return found.type == FileFacts::Type::regular && found.size == creation.former_text->size()
           && found.modified_ns == creation.former.modified_ns;
}

void set_time(FdRef parent, const std::string& name, std::int64_t modified_ns) {
    constexpr std::int64_t second_ns = 1'000'000'000;
    const std::array<timespec, 2> times{
        timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
        timespec{.tv_sec = modified_ns / second_ns, .tv_nsec = modified_ns % second_ns}};
    (void)utimensat(parent.value, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
}

/// A new file with the content, owner, permissions and time of the former one.
Status make_copy(FdRef parent, const std::string& name, const Creation& creation) {
    const auto make = [&]() -> Status {
        return creation.former_text
                   ? replace_file(parent, name, *creation.former_text, creation.former.mode & 0777)
                   : replace_link(parent, name, *creation.former_target, Former::removed);
    };
    const auto before = file_owner();
    create_files_as(creation.former.owner);
    auto made = make();
    create_files_as(before);
    if (!made) // not every file system takes every owner
        made = make();
    if (made && creation.former.modified_ns != 0) // not in records of earlier versions
        set_time(parent, name, creation.former.modified_ns);
    return made;
}

/// Puts the former file back in the place of the creation; on failure the creation stays.
Status put_back(FdRef parent, const std::string& name, const Creation& creation) {
    if (creation.facts.type != FileFacts::Type::directory)
        return make_former(parent, name, creation);
    const auto aside = name_aside(name);
    GRAPNEL_TRY(make_former(parent, aside, creation));
    if (unlinkat(parent.value, name.c_str(), AT_REMOVEDIR) == 0
        && renameat(parent.value, aside.c_str(), parent.value, name.c_str()) == 0)
        return {};
    auto failed = system_error("put back " + quote(name));
    unlinkat(parent.value, aside.c_str(), 0);
    return failed;
}

} // namespace

std::string name_aside(const std::string& name) {
    return "." + name + ".grapnel-former-" + std::to_string(getpid());
}

Result<std::string> read_link(FdRef parent, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const auto length = readlinkat(parent.value, name.c_str(), target.data(), target.size());
    if (length < 0)
        return system_error("readlink");
    return std::string(target.data(), static_cast<std::size_t>(length));
}

Status replace_link(FdRef parent, const std::string& name, const std::string& target,
                    Former former) {
    const auto temporary = temporary_name(name);
    unlinkat(parent.value, temporary.c_str(), 0); // left by a hook that was killed
    if (symlinkat(target.c_str(), parent.value, temporary.c_str()) != 0)
        return system_error("symlinkat");
    return put_in_place(parent, name, former);
}

Status make_former(FdRef parent, const std::string& name, const Creation& creation) {
    if (!GRAPNEL_TRY(lies_aside(parent, creation)))
        return make_copy(parent, name, creation);
    if (renameat(parent.value, creation.former_name.c_str(), parent.value, name.c_str()) != 0)
        return system_error("put back " + quote(name));
    return {};
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

Result<bool> is_as_planned(FdRef parent, const std::string& name, const FileFacts& now,
                           const Creation& plan) {
    using Type = FileFacts::Type;
    constexpr std::size_t limit = 65536;
    switch (plan.facts.type) {
    case Type::directory: // the kernel removes an empty one alone
        return now.type == Type::directory;
    case Type::link:
        return now.type == Type::link && GRAPNEL_TRY(read_link(parent, name)) == plan.planned;
    case Type::regular:
        if (now.type != Type::regular || now.size != plan.planned->size())
            return false;
        return now.size == 0 || GRAPNEL_TRY(read_file_in(parent, name, limit)) == plan.planned;
    default: // a temporary name
        return now.type == Type::regular || now.type == Type::link;
    }
}

} // namespace grapnel::sys
