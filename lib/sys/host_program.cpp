// SPDX-License-Identifier: Apache-2.0
#include "sys/host_program.hpp"

#include "base/text.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/limits.hpp"
#include "sys/mount.hpp"
#include "sys/privilege.hpp"
#include "sys/sealed_copy.hpp"
#include "sys/seccomp.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int time_limit_ms = 10'000;
constexpr std::uint64_t output_limit = 64 << 10;

struct Files {
    Fd program = {};
    Fd output = {};
    Fd errors = {};
};

/// The length of a file is the limit of each of the two outputs: nothing else can be written to.
void set_limits() {
    constexpr std::uint64_t mebibyte = 1 << 20;
    set_limit(RLIMIT_CPU, 10);
    set_limit(RLIMIT_DATA, 512 * mebibyte);
    set_limit(RLIMIT_FSIZE, output_limit);
    set_limit(RLIMIT_NOFILE, 1024);
    set_limit(RLIMIT_CORE, 0);
}

Status become(const HostProgram& program, const Files& files, FdRef parent) {
    GRAPNEL_TRY(set_options_recursively("/", {.read_only = true}));
    // away from the terminal that the runtime was started at: ioctl(2) could type on it
    if (setsid() < 0)
        return system_error("setsid");
    if (chdir("/") != 0)
        return system_error("chdir");
    GRAPNEL_TRY(use_descriptors(files.output.ref(), files.errors.ref()));
    set_limits();
    GRAPNEL_TRY(set_groups({}));
    GRAPNEL_TRY(become_user({program.user, program.group}));
    GRAPNEL_TRY(keep_capabilities({}));
    GRAPNEL_TRY(end_with(parent)); // after the change of the user
    GRAPNEL_TRY(filter_probe());
    std::vector<std::string> arguments{program.program.text()};
    arguments.insert(arguments.end(), program.arguments.begin(), program.arguments.end());
    return execute(files.program.ref(), arguments);
}

Result<std::string> judge(const std::string& name, const Ended& ended, const Files& files) {
    switch (ended.how) {
    case Ended::How::too_slow:
        return refused(name + " took longer than 10 seconds");
    case Ended::How::unkillable:
        return refused(name + " hangs in the kernel and cannot be ended");
    case Ended::How::by_signal:
    case Ended::How::exited:
        break;
    }
    if (ended.how != Ended::How::exited || ended.number != 0)
        return refused(name + " " + describe(ended, last_line(files.errors.ref())));
    if (lseek(files.output.ref().value, 0, SEEK_SET) != 0)
        return system_error("lseek");
    return read_all(files.output.ref(), output_limit, "the output of " + name);
}

} // namespace

Result<std::string> run_without_rights(const HostProgram& program) {
    Files files;
    files.program = GRAPNEL_TRY(sealed_copy(program.program));
    files.output = GRAPNEL_TRY(memory_file("grapnel-output", MemoryFile::data));
    files.errors = GRAPNEL_TRY(memory_file("grapnel-errors", MemoryFile::data));
    const auto ended = GRAPNEL_TRY(
        run_child({.become = [&](FdRef parent) { return become(program, files, parent); },
                   .errors = files.errors.ref(),
                   .time_limit_ms = time_limit_ms}));
    return judge(std::string(program.program.name()), ended, files);
}

} // namespace grapnel::sys
