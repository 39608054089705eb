// SPDX-License-Identifier: Apache-2.0
// Asks the driver's library, by grapnel-probe, for facts that the kernel does not export.
#pragma once

#include "base/result.hpp"
#include "confine/helper.hpp"
#include "driver/inventory.hpp"
#include "driver/probe_answer.hpp"
#include "prepare/log.hpp"
#include "settings/settings.hpp"

#include <memory>
#include <string>

namespace grapnel {

/// The program of the settings. The default is the one of this program's prefix.
[[nodiscard]] HostPath probe_program(const Settings& settings);

/// Starts grapnel-probe, which takes mounts and CAP_SYS_ADMIN: in this process, or in a helper
/// process, so that this process can give both up before it parses a container's configuration.
class ProbeStarter {
  public:
    ProbeStarter() = default;

    /// With a helper process, which takes no word of its caller but the path of the library. To be
    /// called before a filter narrower than confine::filter_host().
    [[nodiscard]] static ProbeStarter with_helper(const Settings& settings);

    /// The output of grapnel-probe about the library at that path. Works once with a helper.
    [[nodiscard]] Result<std::string> run(const Settings& settings, const std::string& library);

  private:
    std::unique_ptr<Result<confine::Helper>> helper_ = {};
};

/// The answer of the driver's library at this moment. The probe cache is not read: the kernel's
/// facts, by which it is kept, do not show a change of the MIG mode.
[[nodiscard]] Result<ProbeAnswer> probe_answer(const Inventory& inventory, const Settings& settings,
                                               ProbeStarter& probe);

/// Adds the library's facts on the inventory's GPUs, or the reason of a failure in its probe_fault.
/// The probe cache serves as long as the kernel's facts are the same; `keep` writes it. Without a
/// helper process, to be called before a filter narrower than confine::filter_host().
enum class Keep { yes, no };
void ask_probe(Inventory& inventory, const Settings& settings, ProbeStarter& probe, Keep keep,
               const Log& log);

} // namespace grapnel
