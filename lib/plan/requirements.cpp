// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "plan/parts.hpp"

namespace grapnel::plan {

Status check_requirements(const Request& request, const Plan& plan) {
    DriverFacts facts{.driver = Version::parse(plan.driver_version),
                      .without_gpu = plan.gpus.empty()};
    if (plan.cuda_version)
        facts.cuda = Version::parse(*plan.cuda_version);
    for (const auto& requirement : request.requirements) {
        const auto verdict = evaluate(requirement, facts);
        if (verdict == Verdict::met)
            continue;
        const auto offer = "this host's driver " + plan.driver_version + " offers CUDA "
                           + plan.cuda_version.value_or("of an unknown version");
        if (verdict == Verdict::undecided)
            return refused("requirement " + quote(requirement.text) + " cannot be decided: " + offer
                               + "; arch and brand of a GPU are not known",
                           "set NVIDIA_DISABLE_REQUIRE=1 if the image runs on it");
        return refused("requirement " + quote(requirement.text) + " is not met: " + offer,
                       "update the driver, or set NVIDIA_DISABLE_REQUIRE=1 to try all the same");
    }
    return {};
}

} // namespace grapnel::plan
