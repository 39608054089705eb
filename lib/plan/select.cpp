// SPDX-License-Identifier: Apache-2.0
#include "plan/select.hpp"

#include "base/text.hpp"
#include "plan/mig_names.hpp"

#include <algorithm>
#include <map>

namespace grapnel {

namespace {

/// NVML says the UUID of an integrated GPU without the kind.
bool is_uuid_of(const Gpu& gpu, const GpuName& name) {
    return !gpu.uuid.empty()
           && equal_ignoring_case(without_gpu_kind(name.text()), without_gpu_kind(gpu.uuid));
}

bool has_name(const Gpu& gpu, const GpuName& name) {
    if (const auto* const index = name.as<GpuIndex>())
        return index->index == gpu.index;
    if (const auto* const pci = name.as<PciAddress>())
        return pci->canonical == canonical_pci(gpu.pci);
    return is_uuid_of(gpu, name);
}

constexpr std::size_t least_digits = 4;

bool can_begin_uuid(const GpuName& name) {
    const auto* const uuid = name.as<UuidName>();
    return uuid != nullptr && uuid->digits && *uuid->digits >= least_digits;
}

bool is_short_uuid_prefix(const GpuName& name) {
    const auto* const uuid = name.as<UuidName>();
    return uuid != nullptr && uuid->digits && *uuid->digits < least_digits;
}

bool begins(const std::string& uuid, const GpuName& name) {
    return equal_ignoring_case(std::string_view(uuid).substr(0, name.text().size()), name.text());
}

Error faulty(const Gpu& gpu) {
    return refused("GPU " + std::to_string(gpu.index) + " (" + gpu.pci
                       + ") cannot be given to a container: " + gpu.fault,
                   "see the kernel's log (dmesg), or ask for another GPU");
}

std::string number_of(const Gpu& gpu, const MigDevice& device) {
    return std::to_string(gpu.index) + ":" + std::to_string(device.index);
}

Error faulty(const Gpu& gpu, const MigDevice& device) {
    return refused("MIG device " + number_of(gpu, device)
                       + " cannot be given to a container: " + device.fault,
                   "see the kernel's log (dmesg), or ask for another one");
}

std::string described(const std::vector<Gpu>& gpus) {
    std::vector<std::string> known;
    for (const auto& gpu : gpus) {
        std::vector<std::string> parts;
        for (const auto& device : gpu.mig_devices)
            parts.push_back(number_of(gpu, device));
        known.push_back(std::to_string(gpu.index) + " (" + gpu.uuid + ", " + gpu.pci
                        + (parts.empty() ? "" : ", MIG " + enumerate(parts)) + ")");
    }
    return "this host has " + enumerate(known);
}

bool has_hidden_uuid(const std::vector<Gpu>& gpus) {
    return std::ranges::any_of(
        gpus, [](const auto& gpu) { return gpu.uuid.find('?') != std::string::npos; });
}

/// Also of a MIG device's GPU.
bool is_gpu_uuid(const GpuName& name) {
    if (const auto* const mig = name.as<MigName>()) {
        const auto* const gpu = std::get_if<std::string>(&mig->gpu);
        return gpu != nullptr && without_gpu_kind(*gpu).size() != gpu->size();
    }
    const auto* const uuid = name.as<UuidName>();
    return uuid != nullptr && uuid->kind == UuidName::Kind::gpu;
}

Error without_mig(const Gpu& gpu, const GpuName& name) {
    const auto index = std::to_string(gpu.index);
    return refused("unknown device " + quote(name.text()) + ": GPU " + index + " has no MIG device",
                   "ask for the whole GPU by '" + index + "', or have an administrator enable MIG ("
                       + "nvidia-smi -i " + index
                       + " -mig 1) and make MIG devices (nvidia-smi mig)");
}

Error unknown_device(const GpuName& name, const std::vector<Gpu>& gpus,
                     const std::string& probe_fault) {
    if (gpus.empty())
        return refused("unknown device " + quote(name.text()), "this host has no NVIDIA GPU");
    for (const auto& gpu : gpus)
        if (is_mig_name_of(gpu, name) && gpu.mig_devices.empty())
            return without_mig(gpu, name);
    std::string why;
    if (is_mig_uuid(name) && has_unnamed_mig_device(gpus))
        why = ": MIG UUIDs are known to the driver's library alone, and "
              + (probe_fault.empty() ? "it did not name all of them" : probe_fault);
    if (is_gpu_uuid(name) && has_hidden_uuid(gpus))
        why =
            ": the kernel does not show every GPU's UUID yet, and "
            + (probe_fault.empty() ? "the driver's library did not name all of them" : probe_fault);
    if (is_short_uuid_prefix(name))
        why = ": a UUID prefix needs at least four hexadecimal digits after "
              + quote(name.text().substr(0, std::string_view("GPU-").size()));
    return refused("unknown device " + quote(name.text()) + why, described(gpus));
}

using Chosen = std::map<unsigned, Gpu>;

/// The GPU without its MIG devices, unless it is there already.
Gpu& choose(Chosen& chosen, const Gpu& gpu) {
    auto [place, is_new] = chosen.emplace(gpu.index, gpu);
    if (is_new)
        place->second.mig_devices.clear();
    return place->second;
}

/// False: the GPU has no MIG device of that name.
Result<bool> choose_mig_device(Chosen& chosen, const Gpu& gpu, const GpuName& name) {
    const auto device = std::ranges::find_if(
        gpu.mig_devices, [&](const auto& one) { return has_mig_name(gpu, one, name); });
    if (device == gpu.mig_devices.end())
        return false;
    if (!device->fault.empty())
        return faulty(gpu, *device);
    auto& devices = choose(chosen, gpu).mig_devices;
    if (std::ranges::find(devices, *device) == devices.end())
        devices.push_back(*device);
    std::ranges::sort(devices, {}, &MigDevice::index);
    return true;
}

std::vector<std::string> mig_uuids_that_begin(const std::vector<Gpu>& gpus, const GpuName& name) {
    std::vector<std::string> out;
    for (const auto& gpu : gpus)
        for (const auto& device : gpu.mig_devices)
            if (begins(device.uuid, name))
                out.push_back(device.uuid);
    return out;
}

/// False: the name begins no UUID.
Result<bool> choose_by_beginning(Chosen& chosen, const std::vector<Gpu>& gpus,
                                 const GpuName& name) {
    std::vector<Gpu> begun;
    if (can_begin_uuid(name))
        std::ranges::copy_if(gpus, std::back_inserter(begun),
                             [&](const auto& gpu) { return begins(gpu.uuid, name); });
    if (begun.size() > 1)
        return refused("the UUIDs of several GPUs begin with " + quote(name.text()),
                       described(begun));
    if (begun.empty())
        return false;
    if (!begun.front().fault.empty())
        return faulty(begun.front());
    choose(chosen, begun.front());
    return true;
}

/// False: the name begins no UUID of a MIG device.
Result<bool> choose_mig_by_beginning(Chosen& chosen, const std::vector<Gpu>& gpus,
                                     const GpuName& name) {
    const auto known =
        can_begin_uuid(name) ? mig_uuids_that_begin(gpus, name) : std::vector<std::string>();
    if (known.size() > 1)
        return refused("the UUIDs of several MIG devices begin with " + quote(name.text()),
                       "they are " + enumerate(known));
    for (const auto& gpu : gpus)
        if (!known.empty() && GRAPNEL_TRY(choose_mig_device(chosen, gpu, GpuName(known.front()))))
            return true;
    return false;
}

/// By its name, else by the beginning of its UUID; false: nothing has that name.
Result<bool> choose_by_name(Chosen& chosen, const std::vector<Gpu>& gpus, const GpuName& name) {
    for (const auto& gpu : gpus) {
        const bool is_gpu = has_name(gpu, name);
        if (!gpu.fault.empty() && (is_gpu || is_mig_name_of(gpu, name)))
            return faulty(gpu);
        if (is_gpu)
            choose(chosen, gpu);
        if (is_gpu || GRAPNEL_TRY(choose_mig_device(chosen, gpu, name)))
            return true;
    }
    if (GRAPNEL_TRY(choose_by_beginning(chosen, gpus, name)))
        return true;
    return choose_mig_by_beginning(chosen, gpus, name);
}

/// A container that manages the driver starts on a host of sick GPUs as well.
Result<std::vector<Gpu>> every_gpu(const std::vector<Gpu>& gpus, bool for_management) {
    std::vector<Gpu> out;
    std::ranges::copy_if(gpus, std::back_inserter(out),
                         [](const auto& gpu) { return gpu.fault.empty(); });
    if (out.empty() && !gpus.empty() && !for_management)
        return faulty(gpus.front());
    for (auto& gpu : out)
        std::erase_if(gpu.mig_devices, [](const auto& device) { return !device.fault.empty(); });
    return out;
}

} // namespace

Result<std::vector<Gpu>> select_gpus(const Request& request, const std::vector<Gpu>& gpus,
                                     const std::string& probe_fault) {
    if (request.devices == Request::Devices::all)
        return every_gpu(gpus, request.management);
    Chosen chosen;
    for (const auto& name : request.listed)
        if (!GRAPNEL_TRY(choose_by_name(chosen, gpus, name)))
            return unknown_device(name, gpus, probe_fault);
    std::vector<Gpu> out;
    for (auto& [index, gpu] : chosen)
        out.push_back(std::move(gpu));
    return out;
}

bool names_gpu_uuid(const Request& request) {
    return std::ranges::any_of(request.listed, is_gpu_uuid);
}

bool needs_gpu_uuids(const Request& request, const Inventory& inventory) {
    const auto is_shown = [&](const GpuName& name) {
        return std::ranges::any_of(inventory.gpus, [&](const auto& gpu) {
            return begins(gpu.uuid, name) || is_mig_name_of(gpu, name);
        });
    };
    return has_hidden_uuid(inventory.gpus)
           && std::ranges::any_of(request.listed, [&](const auto& name) {
                  return is_gpu_uuid(name) && !is_shown(name);
              });
}

} // namespace grapnel
