// SPDX-License-Identifier: Apache-2.0
#include "prepare/modules.hpp"

#include "base/text.hpp"
#include "confine/modprobe.hpp"
#include "confine/phase.hpp"
#include "driver/modules.hpp"
#include "sys/host_fs.hpp"
#include "sys/process.hpp"

#include <algorithm>

namespace grapnel {

namespace {

constexpr std::size_t answer_limit = std::size_t{64} << 10;

DriverCapabilities all_capabilities() {
    using enum DriverCapability;
    return {compute, display, graphics, video};
}

/// A driver below a root of its own brings its modules, and loads them itself.
bool may_load(const Settings& settings) {
    return settings.load_kmods && settings.driver_root == host_path("/")
           && sys::in_initial_user_namespace();
}

/// In the helper process. It takes no word of its caller but the names of missing modules.
Result<std::string> load_named(const std::string& request) {
    const sys::LinuxHostFs host;
    const auto known = driver::missing_modules(host, all_capabilities());
    std::string trouble;
    for (const auto name : split(request, ' ')) {
        const std::string module(name);
        if (std::ranges::find(known, module) == known.end())
            continue;
        const auto loaded = confine::run_modprobe(module);
        // the kernel's own list decides
        const auto left = driver::missing_modules(host, all_capabilities());
        if (trouble.empty() && std::ranges::find(left, module) != left.end())
            trouble = loaded ? "modprobe " + module + " loaded nothing" : loaded.error().text();
    }
    return trouble;
}

std::string joined(const std::vector<std::string>& modules) {
    std::string out;
    for (const auto& module : modules)
        out += (out.empty() ? "" : " ") + module;
    return out;
}

} // namespace

ModuleLoader ModuleLoader::prepare() {
    ModuleLoader loader;
    if (driver::missing_modules(sys::LinuxHostFs(), all_capabilities()).empty()
        || !sys::in_initial_user_namespace())
        return loader;
    const auto start = []() -> Result<confine::Helper> {
        (void)GRAPNEL_TRY(confine::find_modprobe()); // else a process for nothing
        GRAPNEL_TRY(confine::bound_to_modules());
        return confine::Helper::start(confine::confine_to_modules, load_named);
    };
    auto started = start();
    if (started)
        loader.helper_.emplace(std::move(*started));
    else
        loader.trouble_ = started.error().text();
    return loader;
}

std::vector<std::string> ModuleLoader::to_load(const Settings& settings,
                                               DriverCapabilities wanted) {
    const sys::LinuxHostFs host;
    auto missing = driver::missing_modules(host, wanted);
    if (!missing.empty() && may_load(settings) && driver::has_use_for_modules(host))
        return missing;
    return {};
}

Result<std::string> ModuleLoader::load(const Settings& settings, DriverCapabilities wanted,
                                       bool dry_run) {
    const auto missing = to_load(settings, wanted);
    if (helper_ && missing.empty())
        helper_->dismiss();
    if (missing.empty())
        return std::string();
    if (dry_run)
        return "a start would load " + enumerate(missing);
    if (!helper_)
        return trouble_;
    return helper_->ask(joined(missing), modules_time_limit_ms, answer_limit);
}

Status ModuleLoader::await_end() const {
    constexpr int dying_limit_ms = 2'000;
    return helper_ ? helper_->await_end(dying_limit_ms) : Status();
}

} // namespace grapnel
