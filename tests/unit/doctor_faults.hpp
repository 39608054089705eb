// SPDX-License-Identifier: Apache-2.0
// Hosts with a fault for grapnel doctor, and healthy ones.
#pragma once

#include "doctor/facts.hpp"
#include "support/memory_host.hpp"

#include <functional>
#include <string>
#include <vector>

namespace grapnel::test {

/// A host of tests/scenario, with what every host has: a kernel, cgroup v2 and the programs.
struct DoctoredHost {
    /// The name of a file in tests/scenario/hosts, or of a case in tests/scenario/cases, whose
    /// settings count then.
    explicit DoctoredHost(const std::string& name);

    MemoryHost files = {};
    LoadedSettings settings = {};
    doctor_command::Surroundings here = {};
};

using Change = std::function<void(DoctoredHost&)>;

struct Fault {
    doctor_command::Code code = {};
    std::string name = {};
    std::string base = {}; ///< of the host
    std::string says = {}; ///< a part of the finding's text
    Change make = {};
};

/// A host that looks like one with a fault.
struct NearFault {
    std::string name = {};
    std::string base = {}; ///< of the host
    Change make = {};
};

[[nodiscard]] const std::vector<Fault>& faults();

/// The same faults by other files, engines and lines of a log.
[[nodiscard]] const std::vector<Fault>& fault_variants();
[[nodiscard]] const std::vector<Fault>& engine_faults();
[[nodiscard]] const std::vector<Fault>& file_faults();
[[nodiscard]] const std::vector<Fault>& cluster_faults();

[[nodiscard]] const std::vector<NearFault>& near_faults();
[[nodiscard]] const std::vector<NearFault>& healthy_variants();
[[nodiscard]] const std::vector<NearFault>& healthy_engines();
[[nodiscard]] const std::vector<NearFault>& healthy_files();
[[nodiscard]] const std::vector<NearFault>& healthy_clusters();

[[nodiscard]] std::vector<std::string> healthy_hosts();

} // namespace grapnel::test
