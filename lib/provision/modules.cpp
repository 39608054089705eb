// SPDX-License-Identifier: Apache-2.0
#include "provision/modules.hpp"

#include "base/text.hpp"
#include "inventory/modules.hpp"
#include "sys/modprobe.hpp"
#include "sys/privilege.hpp"
#include "sys/process.hpp"

#include <algorithm>

namespace grapnel {

namespace {

/// A driver below a root of its own brings its modules, and loads them itself.
bool may_load(const Settings& settings) {
    return settings.load_kmods && settings.driver_root == host_path("/")
           && sys::in_initial_user_namespace();
}

Result<std::string> load(const sys::HostFs& host, DriverCapabilities wanted,
                         const std::vector<std::string>& missing) {
    GRAPNEL_TRY(sys::enter_phase(sys::Phase::load_modules));
    std::string trouble;
    for (const auto& module : missing) {
        const auto loaded = sys::run_modprobe(module);
        // what counts is what the kernel shows
        const auto left = inventory::missing_modules(host, wanted);
        if (trouble.empty() && std::ranges::find(left, module) != left.end())
            trouble = loaded ? "modprobe " + module + " loaded nothing" : loaded.error().text();
    }
    return trouble;
}

} // namespace

Result<std::string> load_modules(const Settings& settings, DriverCapabilities wanted,
                                 bool dry_run) {
    const sys::LinuxHostFs host;
    std::string trouble;
    const auto missing = inventory::missing_modules(host, wanted);
    if (!missing.empty() && may_load(settings) && inventory::has_use_for_modules(host)) {
        if (dry_run)
            trouble = "a start would load " + enumerate(missing);
        else
            trouble = GRAPNEL_TRY(load(host, wanted, missing));
    }
    GRAPNEL_TRY(sys::end_host_changes(sys::HostChanges::modules));
    return trouble;
}

} // namespace grapnel
