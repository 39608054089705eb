// SPDX-License-Identifier: Apache-2.0
#include "prepare/state_file.hpp"

#include "sys/file.hpp"

#include <cerrno>

namespace grapnel {

namespace {

constexpr std::size_t size_limit = std::size_t{1} << 20;

} // namespace

const HostPath& state_directory() {
    static const auto directory = host_path("/run/grapnel");
    return directory;
}

Result<std::string> read_state_file(std::string_view name) {
    return sys::read_host_file(state_directory() / name, size_limit);
}

void keep_file(const HostPath& path, std::string_view text, const Log& log) {
    const auto directory = sys::make_host_directory(path.parent());
    if (!directory)
        return; // an engine without root keeps nothing
    const auto kept = sys::replace_file(directory->ref(), std::string(path.name()), text, 0600);
    if (!kept && kept.error().sys != EROFS) // the next start finds it out again
        log.warning(kept.error().text());
}

void keep_state_file(std::string_view name, std::string_view text, const Log& log) {
    keep_file(state_directory() / name, text, log);
}

} // namespace grapnel
