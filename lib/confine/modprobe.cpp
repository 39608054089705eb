// SPDX-License-Identifier: Apache-2.0
#include "confine/modprobe.hpp"

#include "base/text.hpp"
#include "sys/capabilities.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"

#include <array>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::confine {

namespace {

constexpr int modprobe_time_limit_ms = 60'000;
constexpr std::string_view default_program = "/sbin/modprobe";
constexpr std::size_t path_limit = 4096;

Status become(const HostPath& path, const std::string& module, sys::FdRef messages,
              sys::FdRef parent) {
    GRAPNEL_TRY(sys::end_with(parent));
    GRAPNEL_TRY(sys::use_descriptors(messages, messages));
    GRAPNEL_TRY(sys::keep_capabilities({CAP_SYS_MODULE}));
    std::string name = "modprobe";
    std::string argument = module;
    std::string search = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    const std::array<char*, 3> arguments{name.data(), argument.data(), nullptr};
    const std::array<char*, 2> environment{search.data(), nullptr};
    execve(path.text().c_str(), arguments.data(), environment.data());
    return system_error("execve " + path.text());
}

} // namespace

Result<HostPath> find_modprobe() {
    const auto text = sys::read_host_file(host_path("/proc/sys/kernel/modprobe"), path_limit);
    const auto named = text ? trim(*text) : std::string_view();
    if (text && named.empty())
        return refused("this kernel loads no modules (/proc/sys/kernel/modprobe is empty)");
    auto path = GRAPNEL_TRY(HostPath::make(text ? named : default_program));
    const auto file = GRAPNEL_TRY(sys::open_host_file(path));
    struct stat found {};
    if (fstat(file.ref().value, &found) != 0)
        return system_error("fstat " + path.text());
    if (found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return refused(path.text() + " is not run: others than root can change it");
    return path;
}

Status run_modprobe(const std::string& module) {
    const auto path = GRAPNEL_TRY(find_modprobe());
    const auto what = "modprobe " + module;
    const auto messages = GRAPNEL_TRY(sys::memory_file("grapnel-messages", sys::MemoryFile::data));
    const auto ended = GRAPNEL_TRY(sys::run_child(
        {.become = [&](sys::FdRef parent) { return become(path, module, messages.ref(), parent); },
         .errors = messages.ref(),
         .time_limit_ms = modprobe_time_limit_ms,
         .namespaces = sys::Child::Namespaces::none}));
    if (ended.how == sys::Ended::How::too_slow || ended.how == sys::Ended::How::unkillable)
        return refused(what + " took longer than 60 seconds");
    if (ended.how == sys::Ended::How::by_signal || ended.number != 0)
        return refused(what + " " + sys::describe(ended, sys::last_line(messages.ref())));
    return {};
}

} // namespace grapnel::confine
