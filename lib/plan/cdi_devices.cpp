// SPDX-License-Identifier: Apache-2.0
#include "plan/cdi_devices.hpp"

#include "base/format.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <set>

namespace grapnel {

namespace {

/// Each name once.
class Names {
  public:
    void add(const std::string& name, const std::string& asked, const std::string& index) {
        if (!name.empty() && names_.insert(name).second)
            list_.push_back({.name = name, .asked = {asked}, .index = index});
    }

    std::vector<CdiDevice> take() { return std::move(list_); }

  private:
    std::set<std::string> names_ = {};
    std::vector<CdiDevice> list_ = {};
};

/// Empty for a UUID that the kernel hides as GPU-????????-....
std::string visible(const std::string& uuid) {
    return uuid.find('?') == std::string::npos ? uuid : std::string();
}

/// `type` stands before the index where types are named.
void add_device(Names& names, CdiNaming naming, const std::string& index, const std::string& uuid,
                std::string_view type) {
    switch (naming) {
    case CdiNaming::index:
        return names.add(index, index, index);
    case CdiNaming::uuid:
        return names.add(visible(uuid), uuid, index);
    case CdiNaming::type_index:
        return names.add(format_text("{}{}", type, index), index, index);
    }
}

void add_gpus(Names& names, const Inventory& inventory, const std::vector<CdiNaming>& naming) {
    for (const auto& gpu : inventory.gpus)
        for (const auto one : naming)
            add_device(names, one, std::to_string(gpu.index), gpu.uuid, "gpu");
    for (const auto& gpu : inventory.gpus)
        for (const auto& mig : gpu.mig_devices)
            for (const auto one : naming)
                add_device(names, one, format_text("{}:{}", gpu.index, mig.index), mig.uuid, "mig");
}

void add_channels(Names& names, const Inventory& inventory) {
    for (const auto& node : inventory.imex_channels)
        if (node.expected) {
            const auto channel = std::to_string(node.expected->minor);
            names.add(channel, channel, channel);
        }
}

ImexChannels channels_of(const std::vector<std::string>& asked) {
    ImexChannels channels;
    for (const auto& name : asked)
        if (const auto channel = parse_number<std::uint32_t>(name))
            channels.listed.push_back(*channel);
    channels.all = std::ranges::find(asked, "all") != asked.end();
    return channels;
}

bool has_word(const std::vector<GpuName>& names, SpecialWord word) {
    return std::ranges::any_of(names, [&](const auto& name) { return name.is(word); });
}

Request without_driver(Request request) {
    request.driver = false;
    request.devices = Request::Devices::none;
    request.driver_capabilities = {};
    return request;
}

Request for_group(Request request, DeviceGroup group, bool is_asked) {
    request = without_driver(std::move(request));
    if (is_asked)
        request.device_groups = {group};
    return request;
}

} // namespace

std::vector<CdiDevice> cdi_devices(const Inventory& inventory, CdiClass devices,
                                   const std::vector<CdiNaming>& naming) {
    Names names;
    if (devices == CdiClass::gpu)
        add_gpus(names, inventory, naming);
    if (devices == CdiClass::imex_channel)
        add_channels(names, inventory);
    names.add("all", "all", "all");
    return names.take();
}

Request cdi_request(Request request, CdiClass devices, const std::vector<std::string>& asked) {
    using enum Request::Devices;
    switch (devices) {
    case CdiClass::gpu:
        request.listed = gpu_names(asked);
        request.devices = asked.empty() || has_word(request.listed, SpecialWord::none) ? none
                          : has_word(request.listed, SpecialWord::all)                 ? all
                                                                                       : listed;
        if (request.devices != listed)
            request.listed.clear();
        return request;
    case CdiClass::management:
        request.management = !asked.empty();
        request.devices = asked.empty() ? none : all;
        return request;
    case CdiClass::gds:
        return for_group(std::move(request), DeviceGroup::gds, !asked.empty());
    case CdiClass::mofed:
        return for_group(std::move(request), DeviceGroup::mofed, !asked.empty());
    case CdiClass::gdrcopy:
        return for_group(std::move(request), DeviceGroup::gdrcopy, !asked.empty());
    case CdiClass::nvswitch:
        return for_group(std::move(request), DeviceGroup::nvswitch, !asked.empty());
    case CdiClass::imex_channel:
        request = without_driver(std::move(request));
        request.imex_channels = channels_of(asked);
        return request;
    }
    return request;
}

} // namespace grapnel
