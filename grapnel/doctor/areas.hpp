// SPDX-License-Identifier: Apache-2.0
// The areas of the report: a pure function for each, in its own file.
#pragma once

#include "doctor/facts.hpp"
#include "doctor/finding.hpp"

#include <vector>

namespace grapnel::doctor_command {

[[nodiscard]] Area kernel_area(const Facts& facts);
[[nodiscard]] Area driver_area(const Facts& facts);
[[nodiscard]] Area devices_area(const Facts& facts);
[[nodiscard]] Area gpus_area(const Facts& facts);
[[nodiscard]] Area security_area(const Facts& facts);
[[nodiscard]] Area grapnel_area(const Facts& facts);
[[nodiscard]] Area docker_area(const Facts& facts);
[[nodiscard]] Area podman_area(const Facts& facts);
[[nodiscard]] Area kubernetes_area(const Facts& facts);
[[nodiscard]] Area slurm_area(const Facts& facts);
[[nodiscard]] Area cdi_area(const Facts& facts);
[[nodiscard]] Area toolkit_area(const Facts& facts);
[[nodiscard]] Area containers_area(const Facts& facts);

/// All areas, from the kernel to the container engines.
[[nodiscard]] std::vector<Area> all_areas(const Facts& facts);

} // namespace grapnel::doctor_command
