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

namespace grapnel {

class LoadedPlanner;
class PreparedPlanner;
class DescribedHost;

/// The first stage: the means of a plan. There is no way to a later stage but from the one before,
/// and no way back.
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

    /// In a process that may read no file of the driver and has no helper process: a plan that
    /// needs more than the kernel's files and the inventory cache is an error. Not for a dry run,
    /// which leaves caches alone.
    void work_from_caches() { caches_suffice_ = true; }

    /// In a process that has to change mounts later, which Landlock forbids for good: a confined
    /// child looks at the host. Wants confine_process() before.
    void look_apart() { looks_apart_ = true; }

    /// Loads the kernel modules that the request lacks; modprobe may take minutes.
    [[nodiscard]] Result<LoadedPlanner> load_modules(Request request) &&;

    /// Both stages at once.
    [[nodiscard]] Result<PreparedPlanner> prepare(Request request) &&;

    /// For a program that describes the host: asks grapnel-probe for the brand of each GPU, and
    /// reads everything that the kernel exports.
    [[nodiscard]] Result<DescribedHost> describe(Request request) &&;

  private:
    friend class LoadedPlanner;
    friend class PreparedPlanner;
    friend class DescribedHost;

    Status find_driver_root();
    Result<std::optional<Inventory>> early_inventory();
    Result<Inventory> described_inventory();
    Status ask_probe_about(Inventory& inventory);
    Status place_management_library(Inventory& inventory) const;
    [[nodiscard]] Result<Inventory> take_inventory_with(bool arch) const;
    [[nodiscard]] Result<Plan> placed_on_host(Plan plan) const;
    [[nodiscard]] const sys::HostFs& host() const;

    const Settings& settings_;
    const Log& log_;
    ModuleLoader& modules_;
    Description confined_ = {};
    bool dry_run_;
    bool looks_apart_ = false;
    bool caches_suffice_ = false;
    bool describes_ = false; ///< describe()
    Request request_ = {};
    std::string module_trouble_ = {};
    std::unique_ptr<RootedHost> rooted_ = {}; ///< where the driver has a root of its own
};

/// The second stage: modules are loaded. All that follows can be held up for ever by a file system
/// of the driver that does not answer.
class LoadedPlanner {
  public:
    /// The part that the filters for the container and for a description forbid: asks grapnel-probe
    /// if the plan can depend on it.
    [[nodiscard]] Result<PreparedPlanner> prepare() &&;

    [[nodiscard]] Result<DescribedHost> describe() &&; ///< Planner::describe()

  private:
    friend class Planner;
    explicit LoadedPlanner(Planner planner) : planner_(std::move(planner)) {}

    Planner planner_;
};

/// The third stage, which needs neither programs nor modules: the plan of one request.
class PreparedPlanner {
  public:
    /// From now on in a process that is confined to this.
    void work_within(Description description) { planner_.work_within(std::move(description)); }

    /// The inventory of this host's driver for the request. Paths of the driver's files are
    /// relative to the driver root.
    [[nodiscard]] Result<Inventory> inventory() const;

    /// The plan in an image with that root.
    [[nodiscard]] Result<Plan> plan_for(sys::RootDir& root) const;

    /// The plan without knowledge of the image. Its devices are valid for every image; the places
    /// of its files inside are not.
    [[nodiscard]] Result<Plan> plan_without_image() const;

  private:
    friend class LoadedPlanner;
    PreparedPlanner(Planner planner, std::optional<Inventory> inventory)
        : planner_(std::move(planner)), inventory_(std::move(inventory)) {}

    template <typename Look>
    Result<Plan> plan_with(const Look& look) const;
    Result<ImageLayout> look_at_image(const Inventory& inventory, sys::RootDir& root) const;

    Planner planner_;
    std::optional<Inventory> inventory_; ///< nothing: it is still to be taken
};

/// A host with its inventory, for any number of plans.
class DescribedHost {
  public:
    /// As PreparedPlanner::inventory().
    [[nodiscard]] const Inventory& inventory() const { return inventory_; }

    /// As PreparedPlanner::plan_without_image(), for a request that needs no more of the host than
    /// the described one.
    [[nodiscard]] Result<Plan> plan_without_image(const Request& request) const;

  private:
    friend class LoadedPlanner;
    DescribedHost(Planner planner, Inventory inventory)
        : planner_(std::move(planner)), inventory_(std::move(inventory)) {}

    Planner planner_;
    Inventory inventory_;
};

} // namespace grapnel
