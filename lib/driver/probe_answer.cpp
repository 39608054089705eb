// SPDX-License-Identifier: Apache-2.0
#include "driver/probe_answer.hpp"

#include "base/text.hpp"
#include "base/version.hpp"

#include <algorithm>

namespace grapnel {

namespace {

using Words = std::vector<std::string_view>;

constexpr std::string_view form = "grapnel-probe 1";
constexpr std::size_t longest_word = 96;

bool all_of(std::string_view text, bool (*allowed)(char)) {
    return !text.empty() && text.size() <= longest_word && std::ranges::all_of(text, allowed);
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

/// 0000:00:06.0; the domain can be longer than four digits.
bool is_pci(std::string_view text) {
    const auto parts = split(text, ':');
    return parts.size() == 3 && all_of(parts[0], is_hex) && parts[0].size() >= 4
           && parts[0].size() <= 8 && parts[1].size() == 2 && all_of(parts[1], is_hex)
           && parts[2].size() == 4 && all_of(parts[2].substr(0, 2), is_hex) && parts[2][2] == '.'
           && is_digit(parts[2][3]);
}

/// GPU-8-4-4-4-12, MIG- the same, or the older MIG-GPU-.../1/0.
bool is_uuid(std::string_view text, std::string_view kind) {
    return text.starts_with(kind) && all_of(text, [](char c) {
               return is_letter(c) || is_digit(c) || c == '-' || c == '/';
           });
}

bool is_version(std::string_view text) {
    return text.size() <= longest_word && Version::parse(text).has_value();
}

/// One word, once.
bool take(std::string& into, std::string_view word, bool good) {
    if (!good || !into.empty())
        return false;
    into = word;
    return true;
}

bool take_gpu(ProbeAnswer& answer, const Words& words) {
    if (words.size() != 4 || !is_pci(words[1]))
        return false;
    auto gpu = std::ranges::find(answer.gpus, words[1], &ProbedGpu::pci);
    if (gpu == answer.gpus.end())
        gpu = answer.gpus.insert(gpu, {.pci = std::string(words[1])});
    const auto fact = words[2];
    const auto value = words[3];
    if (fact == "uuid")
        return take(gpu->uuid, value, is_uuid(value, "GPU-"));
    if (fact == "brand")
        return take(gpu->brand, value, all_of(value, is_letter));
    if (fact == "arch")
        return take(gpu->arch, value, is_version(value));
    if (fact == "minor" && !gpu->minor) {
        gpu->minor = parse_number<std::uint32_t>(value);
        return gpu->minor.has_value();
    }
    if (fact == "mig" && !gpu->mig_mode && (value == "0" || value == "1")) {
        gpu->mig_mode = value == "1";
        return true;
    }
    return false;
}

bool take_mig(ProbeAnswer& answer, const Words& words) {
    if (words.size() != 6 || !is_pci(words[1]) || !is_uuid(words[5], "MIG-"))
        return false;
    const auto index = parse_number<unsigned>(words[2]);
    const auto gpu_instance = parse_number<unsigned>(words[3]);
    const auto compute_instance = parse_number<unsigned>(words[4]);
    if (!index || !gpu_instance || !compute_instance)
        return false;
    const bool said = std::ranges::any_of(answer.migs, [&](const auto& one) {
        return one.pci == words[1]
               && (one.index == *index
                   || (one.gpu_instance == *gpu_instance
                       && one.compute_instance == *compute_instance));
    });
    if (said)
        return false;
    answer.migs.push_back({.pci = std::string(words[1]),
                           .index = *index,
                           .gpu_instance = *gpu_instance,
                           .compute_instance = *compute_instance,
                           .uuid = std::string(words[5])});
    return true;
}

bool take_line(ProbeAnswer& answer, std::string_view line) {
    const auto words = split(line, '\t');
    if (words[0] == "gpu")
        return take_gpu(answer, words);
    if (words[0] == "mig")
        return take_mig(answer, words);
    if (words.size() != 2)
        return false;
    if (words[0] == "driver")
        return take(answer.driver_version, words[1], is_version(words[1]));
    return words[0] == "cuda" && take(answer.cuda_version, words[1], is_version(words[1]));
}

bool is_said_of(const ProbedMig& said, const MigDevice& device) {
    return said.gpu_instance == device.gpu_instance
           && said.compute_instance == device.compute_instance;
}

void name_mig_device(Inventory& inventory, const ProbedMig& said) {
    const auto gpu = std::ranges::find(inventory.gpus, said.pci, &Gpu::pci);
    if (gpu == inventory.gpus.end())
        return;
    const auto device = std::ranges::find_if(
        gpu->mig_devices, [&](const auto& one) { return is_said_of(said, one); });
    if (device == gpu->mig_devices.end())
        return;
    device->uuid = said.uuid;
    if (device->index != said.index)
        inventory.notices.warn("MIG device " + std::to_string(gpu->index) + ":"
                               + std::to_string(device->index) + " has index "
                               + std::to_string(said.index) + " by the driver's library");
}

} // namespace

Result<ProbeAnswer> parse_probe_answer(std::string_view text) {
    constexpr auto cure = "see that grapnel-hook and grapnel-probe are of one version";
    if (text.size() > probe_answer_limit)
        return refused("grapnel-probe's answer is longer than 64 KiB", cure);
    const auto lines = split(text, '\n');
    if (lines.front() != form || !lines.back().empty() || lines.size() < 2)
        return refused("grapnel-probe's answer is not of the form " + quote(form), cure);
    ProbeAnswer answer;
    for (std::size_t i = 1; i + 1 < lines.size(); ++i)
        if (!take_line(answer, lines[i]))
            return refused("grapnel-probe's answer has an odd line " + quote(lines[i]), cure);
    return answer;
}

std::string to_text(const ProbeAnswer& answer) {
    std::string text = std::string(form) + "\n";
    const auto line = [&text](std::string_view head, std::string_view value) {
        if (!value.empty())
            text.append(head).append("\t").append(value).append("\n");
    };
    line("driver", answer.driver_version);
    line("cuda", answer.cuda_version);
    for (const auto& gpu : answer.gpus) {
        const auto head = "gpu\t" + gpu.pci + "\t";
        line(head + "uuid", gpu.uuid);
        line(head + "minor", gpu.minor ? std::to_string(*gpu.minor) : "");
        line(head + "brand", gpu.brand);
        line(head + "arch", gpu.arch);
        if (gpu.mig_mode)
            line(head + "mig", *gpu.mig_mode ? "1" : "0");
    }
    for (const auto& mig : answer.migs)
        line("mig\t" + mig.pci + "\t" + std::to_string(mig.index) + "\t"
                 + std::to_string(mig.gpu_instance) + "\t" + std::to_string(mig.compute_instance),
             mig.uuid);
    return text;
}

bool is_complete(const ProbeAnswer& answer, const Inventory& inventory) {
    const auto is_named = [&](const Gpu& gpu, const MigDevice& device) {
        return std::ranges::any_of(answer.migs, [&](const auto& said) {
            return said.pci == gpu.pci && is_said_of(said, device);
        });
    };
    return std::ranges::all_of(inventory.gpus, [&](const auto& gpu) {
        const auto probed = std::ranges::find(answer.gpus, gpu.pci, &ProbedGpu::pci);
        return !gpu.fault.empty()
               || (probed != answer.gpus.end() && !probed->uuid.empty() && !probed->brand.empty()
                   && !probed->arch.empty()
                   && std::ranges::all_of(gpu.mig_devices, [&](const auto& device) {
                          return !device.fault.empty() || is_named(gpu, device);
                      }));
    });
}

void add_answer(Inventory& inventory, const ProbeAnswer& answer) {
    for (const auto& mig : answer.migs)
        name_mig_device(inventory, mig);
    for (auto& gpu : inventory.gpus) {
        const auto probed = std::ranges::find(answer.gpus, gpu.pci, &ProbedGpu::pci);
        if (probed == answer.gpus.end())
            continue;
        if (gpu.uuid.find('?') != std::string::npos && !probed->uuid.empty())
            gpu.uuid = probed->uuid;
        if (!gpu.arch && !probed->arch.empty())
            gpu.arch = probed->arch;
        if (!gpu.brand && !probed->brand.empty())
            gpu.brand = probed->brand;
    }
}

} // namespace grapnel
