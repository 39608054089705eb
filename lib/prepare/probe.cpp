// SPDX-License-Identifier: Apache-2.0
#include "prepare/probe.hpp"

#include "confine/host_program.hpp"
#include "confine/phase.hpp"
#include "driver/account.hpp"
#include "prepare/state_file.hpp"
#include "sys/installation.hpp"
#include "sys/process.hpp"

namespace grapnel {

namespace {

constexpr int probe_time_limit_ms = 15'000; // of the helper process: the probe has 10 seconds
constexpr std::size_t output_limit = std::size_t{64} << 10;

/// A user namespace can have one user alone. Root there is that user for the host.
Result<Account> account_of(const Settings& settings) {
    const auto self = sys::own_user();
    const auto named = std::to_string(self.user) + ":" + std::to_string(self.group);
    if (settings.probe_user == named && !sys::in_initial_user_namespace())
        return Account{.user = self.user, .group = self.group};
    return find_account(sys::LinuxHostFs(), settings.probe_user);
}

Result<std::string> start_probe(const Settings& settings, const std::string& library) {
    const auto account = GRAPNEL_TRY(account_of(settings));
    const auto program = probe_program(settings);
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::probe));
    auto text = confine::run_without_rights(
        {.program = program, .arguments = {library}, .user = account.user, .group = account.group});
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    return text;
}

} // namespace

HostPath probe_program(const Settings& settings) {
    const auto built = installed_probe();
    if (settings.probe != built)
        return settings.probe;
    return sys::installed_program("libexec/grapnel/grapnel-probe", built);
}

ProbeStarter ProbeStarter::with_helper(const Settings& settings) {
    ProbeStarter probe;
    if (settings.probe.empty())
        return probe;
    const auto confine = [] {
        return confine::keep_phases({confine::Phase::probe, confine::Phase::read_host});
    };
    const auto work = [&](const std::string& library) { return start_probe(settings, library); };
    probe.helper_ =
        std::make_unique<Result<confine::Helper>>(confine::Helper::start(confine, work));
    return probe;
}

Result<std::string> ProbeStarter::run(const Settings& settings, const std::string& library) {
    if (!helper_)
        return start_probe(settings, library);
    if (!*helper_)
        return helper_->error();
    return (*helper_)->ask(library, probe_time_limit_ms, output_limit);
}

Result<ProbeAnswer> probe_answer(const Inventory& inventory, const Settings& settings,
                                 ProbeStarter& probe) {
    if (settings.probe.empty())
        return refused("grapnel-probe is turned off in the settings (probe = \"\")");
    if (inventory.management_library.empty())
        return refused("this host has no libnvidia-ml.so." + inventory.driver_version);
    return parse_probe_answer(
        GRAPNEL_TRY(probe.run(settings, inventory.management_library.text())));
}

void ask_probe(Inventory& inventory, const Settings& settings, ProbeStarter& probe, Keep keep,
               const Log& log) {
    const auto key = probe_key(sys::LinuxHostFs(), inventory);
    if (key)
        if (const auto file = read_state_file(probe_cache))
            if (const auto kept = parse_kept_answer(*file, *key))
                return add_answer(inventory, *kept);
    const auto answer = probe_answer(inventory, settings, probe);
    if (!answer) {
        inventory.probe_fault = answer.error().text();
        log.warning(inventory.probe_fault);
        return;
    }
    add_answer(inventory, *answer);
    if (keep == Keep::yes && key && is_complete(*answer, inventory))
        keep_state_file(probe_cache, kept_answer(*key, *answer), log);
}

} // namespace grapnel
