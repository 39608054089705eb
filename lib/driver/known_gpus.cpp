// SPDX-License-Identifier: Apache-2.0
#include "driver/known_gpus.hpp"

#include "base/text.hpp"

namespace grapnel {

std::string to_text(const std::vector<KnownGpu>& gpus) {
    std::string text;
    for (const auto& gpu : gpus)
        text += std::to_string(gpu.binding) + "\t" + gpu.pci + "\t" + std::to_string(gpu.minor)
                + "\t" + gpu.uuid + "\t" + gpu.model + "\n";
    return text;
}

std::vector<KnownGpu> parse_known_gpus(std::string_view text) {
    std::vector<KnownGpu> gpus;
    for (const auto line : split(text, '\n')) {
        const auto words = split(line, '\t');
        if (words.size() != 5)
            continue;
        const auto binding = parse_number<std::uint64_t>(words[0]);
        const auto minor = parse_number<std::uint32_t>(words[2]);
        if (binding && minor)
            gpus.push_back({.pci = std::string(words[1]),
                            .binding = *binding,
                            .minor = *minor,
                            .uuid = std::string(words[3]),
                            .model = std::string(words[4])});
    }
    return gpus;
}

} // namespace grapnel
