// SPDX-License-Identifier: Apache-2.0
#include "plan/requirements.hpp"

#include "base/text.hpp"
#include "plan/select.hpp"

#include <algorithm>
#include <optional>

namespace grapnel {

namespace {

using Property = Condition::Property;

bool mentions(const Requirement& requirement, Property property) {
    return std::ranges::any_of(requirement.alternatives, [property](const auto& alternative) {
        return std::ranges::find(alternative, property, &Condition::property) != alternative.end();
    });
}

bool mentions_gpu(const Requirement& requirement) {
    return mentions(requirement, Property::arch) || mentions(requirement, Property::brand);
}

std::optional<Version> version(const std::optional<std::string>& text) {
    return text ? Version::parse(*text) : std::nullopt;
}

/// `gpu` is null without a chosen GPU.
DriverFacts facts(const Inventory& inventory, const Gpu* gpu) {
    return {.cuda = version(inventory.cuda_version),
            .driver = Version::parse(inventory.driver_version),
            .arch = gpu != nullptr ? version(gpu->arch) : std::nullopt,
            .brand = gpu != nullptr ? gpu->brand : std::nullopt,
            .without_gpu = gpu == nullptr};
}

/// Each requirement by each GPU, or once without one; `gpu` stays null if no GPU could change the
/// verdict.
struct Case {
    const Requirement& requirement;
    const Gpu* gpu;
    Verdict verdict;
};

std::vector<Case> cases(const Request& request, const Inventory& inventory,
                        const std::vector<Gpu>& chosen) {
    std::vector<const Gpu*> holders;
    for (const auto& gpu : chosen)
        holders.push_back(&gpu);
    if (holders.empty())
        holders.push_back(nullptr);
    std::vector<Case> out;
    for (const auto& requirement : request.requirements)
        for (const auto* const gpu : holders) {
            const bool in_any_case =
                evaluate(requirement, facts(inventory, nullptr)) == Verdict::unmet;
            const auto* const judged = in_any_case ? nullptr : gpu;
            out.push_back({requirement, judged, evaluate(requirement, facts(inventory, judged))});
        }
    return out;
}

std::string known(const char* property, const std::optional<std::string>& value) {
    return value ? std::string(property) + " " + printable(*value)
                 : std::string("unknown ") + property;
}

/// The facts that the requirement was checked against.
std::string offer(const Case& one, const Inventory& inventory) {
    const bool has_version = !inventory.pass_through;
    auto text = "this host's driver" + (has_version ? " " + inventory.driver_version : "")
                + " offers CUDA " + inventory.cuda_version.value_or("of an unknown version");
    if (one.gpu != nullptr && mentions(one.requirement, Property::arch))
        text += ", the GPU is of " + known("arch", one.gpu->arch);
    if (one.gpu != nullptr && mentions(one.requirement, Property::brand))
        text += ", the GPU is of " + known("brand", one.gpu->brand);
    return text;
}

std::string holder(const Case& one, const char* word) {
    if (one.gpu == nullptr || !mentions_gpu(one.requirement))
        return {};
    const auto& pci = one.gpu->pci; // the one device with pass-through paths can have no address
    return std::string(word) + "GPU " + std::to_string(one.gpu->index)
           + (pci.empty() ? "" : " (" + pci + ")");
}

Error unmet(const Case& one, const Inventory& inventory) {
    const auto what = "requirement " + quote(one.requirement.text) + " is not met"
                      + holder(one, " by ") + ": " + offer(one, inventory);
    return refused(what,
                   std::string(holder(one, "").empty() ? "" : "ask for another GPU, ")
                       + "update the driver, or set NVIDIA_DISABLE_REQUIRE=1 to try all the same");
}

Error undecided(const Case& one, const Inventory& inventory) {
    auto what = "requirement " + quote(one.requirement.text) + " cannot be decided"
                + holder(one, " for ") + ": " + offer(one, inventory);
    if (!holder(one, "").empty() && !inventory.probe_fault.empty())
        what += ", because " + inventory.probe_fault;
    return refused(what, "set NVIDIA_DISABLE_REQUIRE=1 if the image runs on it");
}

bool lacks_fact(const Case& one) {
    return one.gpu != nullptr
           && ((mentions(one.requirement, Property::arch) && !one.gpu->arch)
               || (mentions(one.requirement, Property::brand) && !one.gpu->brand));
}

} // namespace

bool names_gpu(const Request& request) {
    return std::ranges::any_of(request.requirements, mentions_gpu);
}

bool may_need_probe(const Request& request, const DriverBranch& branch) {
    const DriverFacts known{.cuda = version(branch.cuda_version),
                            .driver = Version::parse(branch.driver_version),
                            .without_gpu = request.devices == Request::Devices::none};
    return std::ranges::any_of(request.requirements, [&](const auto& requirement) {
        return mentions_gpu(requirement) && evaluate(requirement, known) == Verdict::undecided;
    });
}

bool needs_probe(const Request& request, const Inventory& inventory) {
    const auto chosen = select_gpus(request, inventory.gpus);
    if (!chosen)
        return false; // the plan will say why
    const auto all = cases(request, inventory, *chosen);
    return std::ranges::find(all, Verdict::unmet, &Case::verdict) == all.end()
           && std::ranges::any_of(all, [](const auto& one) {
                  return one.verdict == Verdict::undecided && lacks_fact(one);
              });
}

Status check_requirements(const Request& request, const Inventory& inventory,
                          const std::vector<Gpu>& chosen) {
    const auto all = cases(request, inventory, chosen);
    for (const auto& one : all)
        if (one.verdict == Verdict::unmet)
            return unmet(one, inventory);
    for (const auto& one : all)
        if (one.verdict == Verdict::undecided)
            return undecided(one, inventory);
    return {};
}

} // namespace grapnel
