// SPDX-License-Identifier: Apache-2.0
// Landlock, where this kernel has it: each restriction in a process of its own.
#include "confine/landlock.hpp"

#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace grapnel;

bool has_landlock() {
    return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/// The errno of opening that file in a process that may write below /dev/shm and read /proc; 0: it
/// could be opened.
int opened_in_restricted_process(const char* path, int flags) {
    const auto pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        confine::FileRules rules;
        rules.allow(host_path("/dev/shm"), confine::FileAccess::append);
        rules.allow(host_path("/missing"), confine::FileAccess::change);
        rules.allow(host_path("/proc"), confine::FileAccess::read);
        if (!rules.enforce())
            _exit(255);
        const int fd = ::open(path, flags | O_CLOEXEC, 0600);
        _exit(fd < 0 ? errno : 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("a restricted process opens its directories alone") {
    if (!has_landlock()) {
        MESSAGE("this kernel has no Landlock");
        return;
    }
    const auto name = "/dev/shm/grapnel-landlock-" + std::to_string(getpid());
    CHECK(opened_in_restricted_process(name.c_str(), O_WRONLY | O_CREAT) == 0);
    CHECK(opened_in_restricted_process(name.c_str(), O_RDONLY) == EACCES);
    CHECK(opened_in_restricted_process("/proc/self/uid_map", O_RDONLY) == 0);
    CHECK(opened_in_restricted_process("/etc/passwd", O_RDONLY) == EACCES);
    CHECK(opened_in_restricted_process("/tmp", O_RDONLY | O_DIRECTORY) == EACCES);
    CHECK(opened_in_restricted_process("/dev/null", O_WRONLY) == EACCES);
    unlink(name.c_str());
}
