// SPDX-License-Identifier: Apache-2.0
// From a request to the plan on this host: kernel modules, the inventory, grapnel-probe, the
// image's layout and the driver's root, in the order that the hook's system call filter demands.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "driver/rooted_host.hpp"
#include "image/facts.hpp"
#include "plan/plan.hpp"
#include "prepare/confinement.hpp"
#include "prepare/log.hpp"
#include "prepare/modules.hpp"
#include "request/request.hpp"
#include "settings/settings.hpp"
#include "sys/host_fs.hpp"
#include "sys/root_dir.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace grapnel {

/// The GPU info cache, as a hook has filled it since this boot; nothing else is asked.
[[nodiscard]] std::vector<KnownGpu> known_gpus_of_this_boot();

class Planner {
  public:
    /// The three must outlive it. A dry run loads no module and keeps no answer.
    enum class DryRun { yes, no };
    Planner(const Settings& settings, const Log& log, ModuleLoader& modules, DryRun dry_run)
        : settings_(settings), log_(log), modules_(modules), dry_run_(dry_run == DryRun::yes) {}

    /// In a process that is confined to this.
    void work_within(Description description) {
        confined_ = std::move(description);
        looks_apart_ = false;
    }

    /// In a process that has to change mounts later, which Landlock forbids for good: a confined
    /// child looks at the host. Wants confine_process() before.
    void look_apart() { looks_apart_ = true; }

    /// The part that the filters for the container and for a description forbid: loads missing
    /// modules, and asks grapnel-probe if the plan can depend on it.
    [[nodiscard]] Status prepare(Request request);

    /// The same for a program that describes the host and makes no plan: asks grapnel-probe for the
    /// brand of each GPU, and reads everything that the kernel exports.
    [[nodiscard]] Status prepare_description(Request request);

    /// The inventory of this host's driver for that request. Paths of the driver's files are
    /// relative to the driver root.
    [[nodiscard]] Result<Inventory> inventory();

    /// The plan of the request that it was prepared for, in an image with that root.
    [[nodiscard]] Result<Plan> plan_for(sys::RootDir& root);

    /// The plan without knowledge of the image. Its devices are valid for every image; the places
    /// of its files inside are not.
    [[nodiscard]] Result<Plan> plan_without_image();

    /// The same for another request, from the inventory that prepare_description() took: a request
    /// that needs no more of the host than the one before.
    [[nodiscard]] Result<Plan> plan_without_image(const Request& request) const;

  private:
    Status start(Request request);
    Result<std::optional<Inventory>> early_inventory();
    Result<Inventory> described_inventory();
    Status place_management_library(Inventory& inventory) const;
    [[nodiscard]] Result<Inventory> take_inventory_with(bool arch) const;
    [[nodiscard]] Result<Inventory> look_at_host(const InventoryScope& scope) const;
    [[nodiscard]] Result<std::string> look_confined(InventoryScope scope) const;
    template <typename Look>
    Result<Plan> plan_with(const Look& look) const;
    [[nodiscard]] Result<Plan> placed_on_host(Plan plan) const;
    Result<ImageLayout> look_at_image(const Inventory& inventory, sys::RootDir& root) const;
    void say(const std::vector<std::string>& remarks) const;
    [[nodiscard]] const sys::HostFs& host() const;

    const Settings& settings_;
    const Log& log_;
    ModuleLoader& modules_;
    Description confined_ = {};
    bool dry_run_;
    bool looks_apart_ = false;
    bool describes_ = false; ///< prepare_description()
    Request request_ = {};
    std::string module_trouble_ = {};
    sys::LinuxHostFs plain_ = {};
    std::unique_ptr<RootedHost> rooted_ = {}; ///< where the driver has a root of its own
    std::optional<Inventory> inventory_ = {}; ///< nothing: it is still to be taken
};

} // namespace grapnel
