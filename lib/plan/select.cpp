// SPDX-License-Identifier: Apache-2.0
#include "plan/select.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

/// domain:bus:device.function with its leading zeros gone, in lower case.
std::string canonical_pci(std::string_view address) {
    std::string out;
    bool leading = true;
    for (const char c : address) {
        const bool separator = c == ':' || c == '.';
        if (separator && leading)
            out += '0';
        if (separator || c != '0' || !leading)
            out += c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
        leading = separator || (leading && c == '0');
    }
    return leading ? out + "0" : out;
}

bool is_pci(std::string_view name) {
    return std::ranges::count(name, ':') == 2 && std::ranges::count(name, '.') == 1;
}

bool has_name(const Gpu& gpu, const std::string& name) {
    if (const auto index = parse_number<unsigned>(name))
        return *index == gpu.index;
    if (is_pci(name))
        return canonical_pci(name) == canonical_pci(gpu.pci);
    return !gpu.uuid.empty() && equal_ignoring_case(name, gpu.uuid);
}

/// "GPU-" and at least eight hexadecimal digits, as CUDA_VISIBLE_DEVICES takes them too.
bool can_begin_uuid(std::string_view name) {
    constexpr std::string_view kind = "GPU-";
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    if (!equal_ignoring_case(name.substr(0, kind.size()), kind))
        return false;
    name.remove_prefix(kind.size());
    const auto is_digit = [&](char c) { return digits.find(c) != digits.npos; };
    return std::ranges::all_of(name, [&](char c) { return c == '-' || is_digit(c); })
           && std::ranges::count_if(name, is_digit) >= 8;
}

bool begins_uuid(const Gpu& gpu, std::string_view name) {
    return equal_ignoring_case(std::string_view(gpu.uuid).substr(0, name.size()), name);
}

Error faulty(const Gpu& gpu) {
    return refused("GPU " + std::to_string(gpu.index) + " (" + gpu.pci
                       + ") cannot be given to a container: " + gpu.fault,
                   "see the kernel's log (dmesg), or ask for another GPU");
}

std::string described(const std::vector<Gpu>& gpus) {
    std::vector<std::string> known;
    for (const auto& gpu : gpus)
        known.push_back(std::to_string(gpu.index) + " (" + gpu.uuid + ", " + gpu.pci + ")");
    return "this host has " + enumerate(known);
}

Error unknown_device(const std::string& name, const std::vector<Gpu>& gpus) {
    const auto* const kind = name.starts_with("MIG-")
                                 ? "unknown device (MIG devices are not supported) "
                                 : "unknown device ";
    if (gpus.empty())
        return refused(kind + quote(name), "this host has no NVIDIA GPU");
    return refused(kind + quote(name), described(gpus));
}

/// By its name, else by the beginning of its UUID.
Result<Gpu> find_gpu(const std::string& name, const std::vector<Gpu>& gpus) {
    const auto named =
        std::ranges::find_if(gpus, [&](const auto& gpu) { return has_name(gpu, name); });
    if (named != gpus.end())
        return *named;
    std::vector<Gpu> begun;
    if (can_begin_uuid(name))
        std::ranges::copy_if(gpus, std::back_inserter(begun),
                             [&](const auto& gpu) { return begins_uuid(gpu, name); });
    if (begun.size() > 1)
        return refused("the UUIDs of several GPUs begin with " + quote(name), described(begun));
    if (begun.empty())
        return unknown_device(name, gpus);
    return begun.front();
}

} // namespace

Result<std::vector<Gpu>> select_gpus(const Request& request, const std::vector<Gpu>& gpus) {
    std::vector<Gpu> out;
    if (request.devices == Request::Devices::all)
        std::ranges::copy_if(gpus, std::back_inserter(out),
                             [](const auto& gpu) { return gpu.fault.empty(); });
    if (request.devices == Request::Devices::all && out.empty() && !gpus.empty())
        return faulty(gpus.front());
    if (request.devices != Request::Devices::listed)
        return out;
    for (const auto& name : request.listed) {
        const auto gpu = GRAPNEL_TRY(find_gpu(name, gpus));
        if (!gpu.fault.empty())
            return faulty(gpu);
        if (std::ranges::find(out, gpu) == out.end())
            out.push_back(gpu);
    }
    std::ranges::sort(out, {}, &Gpu::index);
    return out;
}

} // namespace grapnel
