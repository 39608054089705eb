// SPDX-License-Identifier: Apache-2.0
#include "doctor/areas.hpp"

#include "doctor/host_commands.hpp"

#include <array>

namespace grapnel::doctor_command {

std::vector<Area> all_areas(const Facts& facts) {
    constexpr std::array areas{kernel_area,     driver_area,  devices_area, gpus_area,
                               security_area,   grapnel_area, docker_area,  podman_area,
                               kubernetes_area, slurm_area,   cdi_area,     toolkit_area,
                               containers_area};
    std::vector<Area> out;
    out.reserve(areas.size());
    for (const auto& area : areas) {
        out.push_back(area(facts));
        for (auto& finding : out.back().findings)
            if (finding.needs_root)
                finding.command = as_root(facts, finding.command);
    }
    return out;
}

} // namespace grapnel::doctor_command
