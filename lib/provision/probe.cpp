// SPDX-License-Identifier: Apache-2.0
#include "provision/probe.hpp"

#include "inventory/account.hpp"
#include "inventory/probe_answer.hpp"
#include "provision/state_file.hpp"
#include "sys/host_program.hpp"
#include "sys/phase.hpp"
#include "sys/process.hpp"

namespace grapnel {

namespace {

constexpr auto state_name = "probe";

/// A user namespace can have one user alone. Root there is that user for the host.
Result<Account> account_of(const Settings& settings) {
    const auto self = sys::own_user();
    const auto named = std::to_string(self.user) + ":" + std::to_string(self.group);
    if (settings.probe_user == named && !sys::in_initial_user_namespace())
        return Account{.user = self.user, .group = self.group};
    return find_account(sys::LinuxHostFs(), settings.probe_user);
}

Result<ProbeAnswer> run_probe(const Inventory& inventory, const Settings& settings) {
    if (settings.probe.empty())
        return refused("grapnel-probe is turned off in the settings (probe = \"\")");
    if (inventory.management_library.empty())
        return refused("this host has no libnvidia-ml.so." + inventory.driver_version);
    const auto account = GRAPNEL_TRY(account_of(settings));
    GRAPNEL_TRY(sys::enter_phase(sys::Phase::probe));
    const auto text = sys::run_without_rights({.program = settings.probe,
                                               .arguments = {inventory.management_library.text()},
                                               .user = account.user,
                                               .group = account.group});
    GRAPNEL_TRY(sys::enter_phase(sys::Phase::read_host));
    if (!text)
        return text.error();
    return parse_probe_answer(*text);
}

} // namespace

void ask_probe(Inventory& inventory, const Settings& settings, Keep keep, const Log& log) {
    const auto key = probe_key(sys::LinuxHostFs(), inventory);
    if (key)
        if (const auto file = read_state_file(state_name))
            if (const auto kept = parse_kept_answer(*file, *key))
                return add_answer(inventory, *kept);
    const auto answer = run_probe(inventory, settings);
    if (!answer) {
        inventory.probe_fault = answer.error().text();
        log.warning(inventory.probe_fault);
        return;
    }
    add_answer(inventory, *answer);
    if (keep == Keep::yes && key && is_complete(*answer, inventory))
        keep_state_file(state_name, kept_answer(*key, *answer), log);
}

} // namespace grapnel
