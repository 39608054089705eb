// SPDX-License-Identifier: Apache-2.0
#include "confine/landlock.hpp"

#include "sys/file.hpp"
#include "sys/host_fs.hpp"

#include <array>
#include <cerrno>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::confine {

namespace {

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

// Newer than the oldest headers that this is built with.
constexpr std::uint64_t refer = bit(13);
constexpr std::uint64_t truncate_file = bit(14);
constexpr std::uint64_t ioctl_device = bit(15);
constexpr std::uint64_t tcp = bit(0) | bit(1); // bind, connect
constexpr std::uint64_t abstract_sockets = bit(0);

/// linux/landlock.h, of version 6; a kernel takes a longer one than its own if the rest is 0.
struct Attributes {
    std::uint64_t files = 0;
    std::uint64_t network = 0;
    std::uint64_t scoped = 0;
};

/// All that a version of Landlock can deny.
Attributes all_of(long version) {
    constexpr std::array<std::uint64_t, 5> added{bit(13) - 1, refer, truncate_file, 0,
                                                 ioctl_device};
    constexpr int has_network = 4;
    constexpr int has_scopes = 6;
    Attributes all;
    for (std::size_t i = 0; i < added.size() && static_cast<long>(i) < version; ++i)
        all.files |= added.at(i);
    all.network = version >= has_network ? tcp : 0;
    all.scoped = version >= has_scopes ? abstract_sockets : 0;
    return all;
}

constexpr std::uint64_t rights_of(FileAccess access) {
    constexpr std::uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    constexpr std::uint64_t append = LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE
                                     | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR;
    switch (access) {
    case FileAccess::list:
        return LANDLOCK_ACCESS_FS_READ_DIR;
    case FileAccess::read:
        return read;
    case FileAccess::append:
        return append;
    case FileAccess::change:
        return read | append | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_FILE
               | LANDLOCK_ACCESS_FS_REMOVE_DIR | refer | truncate_file;
    case FileAccess::make_nodes:
        break;
    }
    return LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR
           | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_FILE;
}

constexpr std::uint64_t of_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE
                                   | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate_file | ioctl_device;

} // namespace

FileRules::FileRules() {
    const auto version =
        syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    const auto all = all_of(version);
    if (version > 0)
        rules_ =
            sys::Fd(static_cast<int>(syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0)));
    failed_ = rules_.valid() ? 0 : errno;
    handled_ = all.files;
}

void FileRules::allow(const HostPath& path, FileAccess access) {
    if (failed_ != 0)
        return;
    const auto opened = sys::open_host_path(path);
    if (opened)
        allow(opened->ref(), access);
    else if (!sys::is_missing(opened.error()) && opened.error().sys != EACCES)
        failed_ = opened.error().sys;
}

void FileRules::allow(sys::FdRef file, FileAccess access) {
    if (failed_ != 0)
        return;
    const auto found = sys::facts(file, "");
    if (!found) {
        failed_ = found.error().sys;
        return;
    }
    const bool directory = found->type == sys::FileFacts::Type::directory;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights_of(access) & handled_ & (directory ? ~std::uint64_t{0} : of_files);
    rule.parent_fd = file.value;
    if (syscall(SYS_landlock_add_rule, rules_.ref().value, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
        != 0)
        failed_ = errno;
}

Status FileRules::enforce() const {
    errno = failed_;
    if (failed_ != 0 || syscall(SYS_landlock_restrict_self, rules_.ref().value, 0) != 0)
        return system_error("confine by Landlock");
    return {};
}

} // namespace grapnel::confine
