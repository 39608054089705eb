// SPDX-License-Identifier: Apache-2.0
#include "sys/landlock.hpp"

#include "sys/fd.hpp"

#include <cstdint>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t writing = LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE
                                  | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR;
/// All that the first version knows; moving a file to another directory is denied by each.
constexpr std::uint64_t first_version = (std::uint64_t{LANDLOCK_ACCESS_FS_MAKE_SYM} << 1U) - 1U;
constexpr std::uint64_t truncate_file = std::uint64_t{1} << 14U; // the third version

void allow(FdRef rules, const HostPath& directory, std::uint64_t access) {
    const Fd opened(::open(directory.text().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    landlock_path_beneath_attr rule{};
    rule.allowed_access = access;
    rule.parent_fd = opened.ref().value;
    if (opened.valid())
        syscall(SYS_landlock_add_rule, rules.value, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

} // namespace

void restrict_files(const std::vector<HostPath>& writable, const std::vector<HostPath>& readable) {
    const auto version =
        syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return;
    constexpr int knows_truncate = 3;
    std::uint64_t handled = first_version | (version >= knows_truncate ? truncate_file : 0);
    const Fd rules(
        static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0)));
    if (!rules.valid())
        return;
    for (const auto& directory : writable)
        allow(rules.ref(), directory, writing);
    for (const auto& directory : readable)
        allow(rules.ref(), directory, reading);
    syscall(SYS_landlock_restrict_self, rules.ref().value, 0);
}

} // namespace grapnel::sys
