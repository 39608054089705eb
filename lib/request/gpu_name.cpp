// SPDX-License-Identifier: Apache-2.0
#include "request/gpu_name.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

constexpr std::string_view gpu_kind = "GPU-";
constexpr std::string_view mig_kind = "MIG-";

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

/// A number as a program prints it: one name for one device.
template <typename T>
std::optional<T> printed_number(std::string_view text) {
    const auto number = parse_number<T>(text);
    return number && std::to_string(*number) == text ? number : std::nullopt;
}

std::optional<MigInstances> instances(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    const auto gpu = printed_number<std::uint32_t>(text.substr(0, slash));
    const auto compute = printed_number<std::uint32_t>(text.substr(slash + 1));
    return gpu && compute ? std::optional(MigInstances{*gpu, *compute}) : std::nullopt;
}

/// The part before the separator, and the part behind it.
struct Halves {
    std::string_view before = {};
    std::string_view behind = {};
};

std::optional<Halves> halves_at(std::string_view text, std::string_view separator) {
    for (std::size_t i = 0; i + separator.size() <= text.size(); ++i)
        if (starts_with_ignoring_case(text.substr(i), separator))
            return Halves{text.substr(0, i), text.substr(i + separator.size())};
    return std::nullopt;
}

std::optional<MigName> by_indices(std::string_view text) {
    const auto halves = halves_at(text, ":");
    const auto gpu = halves ? printed_number<unsigned>(halves->before) : std::nullopt;
    if (!gpu)
        return std::nullopt;
    return MigName{.gpu = *gpu, .device = printed_number<unsigned>(halves->behind)};
}

std::optional<MigName> by_all_numbers(std::string_view text) {
    constexpr std::string_view beginning = "GPU";
    const auto halves = halves_at(text, "-MIG");
    if (!halves || !starts_with_ignoring_case(halves->before, beginning))
        return std::nullopt;
    const auto gpu = printed_number<unsigned>(halves->before.substr(beginning.size()));
    if (!gpu)
        return std::nullopt;
    MigName name{.gpu = *gpu};
    const auto device = halves_at(halves->behind, "/");
    name.instances = device ? instances(device->behind) : std::nullopt;
    if (name.instances)
        name.device = printed_number<unsigned>(device->before);
    if (!name.device)
        name.instances = std::nullopt;
    return name;
}

std::optional<MigName> by_instances(std::string_view text) {
    const auto halves = halves_at(text, "/");
    if (!halves || !starts_with_ignoring_case(text, mig_kind))
        return std::nullopt;
    return MigName{.gpu = std::string(halves->before.substr(mig_kind.size())),
                   .instances = instances(halves->behind)};
}

bool is_pci(std::string_view text) {
    return std::ranges::count(text, ':') == 2 && std::ranges::count(text, '.') == 1;
}

/// MIG-GPU- is followed by a GPU's UUID.
bool has_mig_kind(std::string_view text) {
    return starts_with_ignoring_case(text, mig_kind)
           && !starts_with_ignoring_case(text.substr(mig_kind.size()), gpu_kind);
}

UuidName uuid_name(std::string_view text) {
    UuidName name{.kind = starts_with_ignoring_case(text, gpu_kind) ? UuidName::Kind::gpu
                          : has_mig_kind(text)                      ? UuidName::Kind::mig
                                                                    : UuidName::Kind::without};
    if (name.kind == UuidName::Kind::without)
        return name;
    const auto is_digit = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    const auto rest = text.substr(gpu_kind.size());
    if (std::ranges::all_of(rest, [&](char c) { return c == '-' || is_digit(c); }))
        name.digits = static_cast<std::size_t>(std::ranges::count_if(rest, is_digit));
    return name;
}

GpuName::Form form_of(std::string_view text) {
    if (const auto word = special_word(text))
        return *word;
    if (const auto index = parse_number<unsigned>(text))
        return GpuIndex{*index};
    if (is_pci(text))
        return PciAddress{canonical_pci(text)};
    for (const auto parse : {by_indices, by_all_numbers, by_instances})
        if (auto name = parse(text))
            return std::move(*name);
    return uuid_name(text);
}

} // namespace

std::optional<SpecialWord> special_word(std::string_view word) {
    if (equal_ignoring_case(word, "all"))
        return SpecialWord::all;
    if (equal_ignoring_case(word, "none"))
        return SpecialWord::none;
    if (equal_ignoring_case(word, "void"))
        return SpecialWord::nothing;
    return std::nullopt;
}

GpuName::GpuName(std::string text) : text_(std::move(text)), form_(form_of(text_)) {}

std::vector<GpuName> gpu_names(const std::vector<std::string>& words) {
    std::vector<GpuName> out;
    for (const auto& word : words)
        out.emplace_back(word);
    return out;
}

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

std::string_view without_gpu_kind(std::string_view uuid) {
    return starts_with_ignoring_case(uuid, gpu_kind) ? uuid.substr(gpu_kind.size()) : uuid;
}

} // namespace grapnel
