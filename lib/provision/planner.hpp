// SPDX-License-Identifier: Apache-2.0
// From a request to the plan on this host: kernel modules, the inventory, grapnel-probe, the
// image's layout and the driver's root, in the order that the hook's system call filter demands.
#pragma once

#include "base/result.hpp"
#include "inventory/inventory.hpp"
#include "inventory/rooted_host.hpp"
#include "plan/plan.hpp"
#include "provision/log.hpp"
#include "provision/modules.hpp"
#include "provision/probe.hpp"
#include "request/request.hpp"
#include "settings/settings.hpp"
#include "sys/host_fs.hpp"
#include "sys/root_dir.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace grapnel {

class Planner {
  public:
    /// The three must outlive it. A dry run loads no module and keeps no answer.
    enum class DryRun { yes, no };
    Planner(const Settings& settings, const Log& log, ModuleLoader& modules, DryRun dry_run)
        : settings_(settings), log_(log), modules_(modules), dry_run_(dry_run == DryRun::yes) {}

    /// Starts grapnel-probe by this, not in its own process.
    void start_probe_with(ProbeStarter probe) { probe_ = std::move(probe); }

    /// What needs more than the filters for the container or a description leave: modules that are
    /// missing are loaded, and where the plan can depend on it grapnel-probe is asked.
    [[nodiscard]] Status prepare(Request request);

    /// The same for a program that prints what the host offers, and never makes a plan:
    /// grapnel-probe is asked for the brand of each GPU, and all that the kernel tells is looked
    /// at.
    [[nodiscard]] Status prepare_description(Request request);

    /// What this host's driver offers to that request. With a driver root of its own the driver's
    /// files have the paths that they have in it.
    [[nodiscard]] Result<Inventory> inventory();

    /// The plan of the request that it was prepared for, in an image with that root.
    [[nodiscard]] Result<Plan> plan_for(sys::RootDir& root);

    /// The plan for an image that nothing is known of. Its devices are those of every image;
    /// where its files lie inside is not known.
    [[nodiscard]] Result<Plan> plan_without_image();

  private:
    Status start(Request request);
    Result<std::optional<Inventory>> early_inventory();
    Result<Inventory> described_inventory();
    Status place_management_library(Inventory& inventory) const;
    [[nodiscard]] Result<Inventory> take_inventory_with(bool arch) const;
    template <typename Look>
    Result<Plan> plan_with(const Look& look) const;
    Result<ImageLayout> look_at_image(const Inventory& inventory, sys::RootDir& root) const;
    void say(const std::vector<std::string>& remarks) const;
    [[nodiscard]] const sys::HostFs& host() const;

    const Settings& settings_;
    const Log& log_;
    ModuleLoader& modules_;
    ProbeStarter probe_ = {};
    bool dry_run_;
    bool describes_ = false; ///< prepare_description()
    Request request_ = {};
    std::string module_trouble_ = {};
    sys::LinuxHostFs plain_ = {};
    std::unique_ptr<RootedHost> rooted_ = {}; ///< where the driver has a root of its own
    std::optional<Inventory> inventory_ = {}; ///< nothing: it is still to be taken
};

} // namespace grapnel
