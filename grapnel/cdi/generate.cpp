// SPDX-License-Identifier: Apache-2.0
#include "cdi/generate.hpp"

#include "cdi/yaml.hpp"
#include "json/text.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"
#include "sys/config_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace grapnel::cdi_command {

namespace {

/// The settings, and the command line's values in their place.
Result<Settings> settings_for(const Generation& generation) {
    auto loaded = load_settings(generation.settings_file, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    auto settings = std::move(loaded.settings);
    settings.driver_root = generation.driver_root.value_or(settings.driver_root);
    settings.device_root = generation.device_root.value_or(settings.device_root);
    settings.csv_compat_directory =
        generation.csv_compat_directory.value_or(settings.csv_compat_directory);
    settings.csv_lists = generation.csv_lists;
    settings.csv_ignored = generation.csv_ignored;
    if (generation.by_csv_lists)
        settings.mode = RuntimeMode::csv;
    const auto prepend = [](std::vector<HostPath>& all, const std::vector<HostPath>& first) {
        all.insert(all.begin(), first.begin(), first.end());
    };
    prepend(settings.library_search_path, generation.library_search_path);
    prepend(settings.config_search_path, generation.config_search_path);
    return settings;
}

/// The request of a CDI device of a live file: by the settings alone, because no image is known.
Request request_for(const Settings& settings, const Generation& generation,
                    const std::vector<std::string>& asked) {
    Request request{.driver_capabilities = settings.supported_driver_capabilities,
                    .additional_gids = generation.additional_gids && !settings.no_additional_gids,
                    .forward_compat = false};
    return cdi_request(std::move(request), generation.devices, asked);
}

/// The driver alone.
const CdiDevice no_device{.name = "none", .asked = {"none"}, .index = "none"};

/// The devices that --device-id names, each once, or all devices without it. Refuses a device that
/// is missing.
Result<std::vector<CdiDevice>> wanted_devices(const Inventory& inventory,
                                              const Generation& generation) {
    using enum CdiNaming;
    auto every = cdi_devices(inventory, generation.devices, {index, uuid, type_index});
    every.push_back(no_device);
    std::vector<CdiDevice> wanted;
    for (const auto& word : generation.device_ids) {
        const auto found = std::ranges::find_if(every, [&](const auto& device) {
            return device.name == word || device.asked.front() == word;
        });
        if (found == every.end())
            return refused("this host has no device " + word, "see 'grapnel info'");
        if (found->name == "all")
            return std::vector<CdiDevice>();
        if (std::ranges::find(wanted, found->index, &CdiDevice::index) == wanted.end())
            wanted.push_back(*found);
    }
    return wanted;
}

/// `all` stands for the chosen devices. A file with the device `none` has no `all`.
Result<std::vector<CdiDevice>> chosen_devices(const Inventory& inventory,
                                              const Generation& generation) {
    const auto wanted = GRAPNEL_TRY(wanted_devices(inventory, generation));
    auto devices = cdi_devices(inventory, generation.devices, generation.naming);
    const bool is_none =
        std::ranges::find(wanted, no_device.index, &CdiDevice::index) != wanted.end();
    if (is_none)
        devices.push_back(no_device);
    std::erase_if(devices, [&](const auto& device) {
        if (device.name == "all")
            return generation.no_all_device || is_none;
        return !wanted.empty()
               && std::ranges::find(wanted, device.index, &CdiDevice::index) == wanted.end();
    });
    if (const auto all = std::ranges::find(devices, "all", &CdiDevice::name);
        all != devices.end() && !wanted.empty()) {
        all->asked.clear();
        for (const auto& device : wanted)
            all->asked.push_back(device.asked.front());
    }
    return devices;
}

void leave_out(const Generation& generation, Plan& plan) {
    if (!generation.ipc)
        std::erase_if(plan.mounts,
                      [](const auto& mount) { return mount.kind == Mount::Kind::ipc; });
}

class StaticText {
  public:
    StaticText(const DescribedHost& host, const Settings& settings, const Generation& generation,
               const Log& log)
        : host_(host), settings_(settings), generation_(generation), log_(log) {}

    Result<std::string> text(const std::vector<CdiDevice>& devices) const {
        const auto common = GRAPNEL_TRY(plan({}));
        log_.write(beyond_static_cdi(common));
        std::vector<CdiDevicePlan> plans;
        for (const auto& device : devices) {
            auto planned = plan(device.asked);
            if (!planned)
                log_.warning(device.name + " is left out: " + planned.error().text());
            else if (!has_driver(generation_.devices) && planned->mounts.empty())
                log_.warning(device.name + " is left out: this host has no such device node");
            else
                plans.push_back({device.name, std::move(*planned)});
        }
        if (plans.empty())
            return refused("no device can be given", "see 'grapnel doctor'");
        return static_cdi_spec(common, plans, *generation_.in_nvidias_form);
    }

  private:
    [[nodiscard]] Result<Plan> plan(const std::vector<std::string>& asked) const {
        auto plan =
            GRAPNEL_TRY(host_.plan_without_image(request_for(settings_, generation_, asked)));
        leave_out(generation_, plan);
        return plan;
    }

    const DescribedHost& host_;
    const Settings& settings_;
    const Generation& generation_;
    const Log& log_;
};

} // namespace

Result<std::string> spec_text(const Generation& generation, const Log& log) {
    const auto settings = GRAPNEL_TRY(settings_for(generation));
    ModuleLoader modules; // loads no module: a container's start does
    Planner planner(settings, log, modules, Planner::DryRun::no);
    const auto host =
        GRAPNEL_TRY(std::move(planner).describe(request_for(settings, generation, {"all"})));
    const auto devices = GRAPNEL_TRY(chosen_devices(host.inventory(), generation));
    auto json = generation.in_nvidias_form
                    ? StaticText(host, settings, generation, log).text(devices)
                    : cdi_spec(devices, generation.live);
    if (!json || generation.format == Format::json)
        return json;
    return to_yaml(parse_ordered_json(*json));
}

Result<Written> write_file(const HostPath& path, const Generation& generation, const Log& log) {
    constexpr std::size_t file_limit = std::size_t{16} << 20;
    const auto file = GRAPNEL_TRY(sys::ConfigFile::open(path, file_limit));
    const auto text = GRAPNEL_TRY(spec_text(generation, log));
    if (file.text() == text)
        return Written::nothing;
    GRAPNEL_TRY(file.replace(text));
    return file.text() ? Written::changed : Written::made;
}

} // namespace grapnel::cdi_command
