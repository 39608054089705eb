// SPDX-License-Identifier: Apache-2.0
#include "sys/modprobe.hpp"

#include "base/text.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"

#include <array>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int time_limit_ms = 60'000;
constexpr std::string_view default_program = "/sbin/modprobe";
constexpr std::size_t path_limit = 4096;

Result<HostPath> program() {
    const auto text = read_host_file(host_path("/proc/sys/kernel/modprobe"), path_limit);
    const auto named = text ? trim(*text) : std::string_view();
    if (text && named.empty())
        return refused("this kernel loads no modules (/proc/sys/kernel/modprobe is empty)");
    auto path = GRAPNEL_TRY(HostPath::make(text ? named : default_program));
    const auto file = GRAPNEL_TRY(open_host_file(path));
    struct stat found {};
    if (fstat(file.ref().value, &found) != 0)
        return system_error("fstat " + path.text());
    if (found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return refused(path.text() + " is not run: others than root can change it");
    return path;
}

Status become(const HostPath& path, const std::string& module, FdRef messages, FdRef parent) {
    GRAPNEL_TRY(end_with(parent));
    GRAPNEL_TRY(use_descriptors(messages, messages));
    GRAPNEL_TRY(keep_capabilities({CAP_SYS_MODULE}));
    std::string name = "modprobe";
    std::string argument = module;
    std::string search = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    const std::array<char*, 3> arguments{name.data(), argument.data(), nullptr};
    const std::array<char*, 2> environment{search.data(), nullptr};
    execve(path.text().c_str(), arguments.data(), environment.data());
    return system_error("execve " + path.text());
}

} // namespace

Status run_modprobe(const std::string& module) {
    const auto path = GRAPNEL_TRY(program());
    const auto what = "modprobe " + module;
    const auto messages = GRAPNEL_TRY(memory_file("grapnel-messages", MemoryFile::data));
    const auto ended = GRAPNEL_TRY(run_child(
        {.become = [&](FdRef parent) { return become(path, module, messages.ref(), parent); },
         .errors = messages.ref(),
         .time_limit_ms = time_limit_ms,
         .namespaces = Child::Namespaces::none}));
    if (ended.how == Ended::How::too_slow || ended.how == Ended::How::unkillable)
        return refused(what + " took longer than 60 seconds");
    if (ended.how == Ended::How::by_signal || ended.number != 0)
        return refused(what + " " + describe(ended, last_line(messages.ref())));
    return {};
}

} // namespace grapnel::sys
