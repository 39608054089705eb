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

struct Fault {
    doctor_command::Code code = {};
    std::string name = {};
    std::string base = {}; ///< of the host
    std::string says = {}; ///< a part of the finding's text
    std::function<void(DoctoredHost&)> make = {};
};

[[nodiscard]] const std::vector<Fault>& faults();

/// The same faults by other files, engines and lines of a log.
[[nodiscard]] const std::vector<Fault>& fault_variants();
[[nodiscard]] const std::vector<Fault>& engine_faults();
[[nodiscard]] const std::vector<Fault>& file_faults();

/// Hosts that look like one with a fault.
[[nodiscard]] const std::vector<Fault>& near_faults();
[[nodiscard]] const std::vector<Fault>& healthy_variants();
[[nodiscard]] const std::vector<Fault>& healthy_engines();
[[nodiscard]] const std::vector<Fault>& healthy_files();

[[nodiscard]] std::vector<std::string> healthy_hosts();

} // namespace grapnel::test
