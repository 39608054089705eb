// SPDX-License-Identifier: Apache-2.0
#include "doctor/cdi_scan.hpp"

#include "base/text.hpp"

#include <utility>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view around = " \t\r\",'-{}[]";

std::string_view bare(std::string_view text) {
    const auto begin = text.find_first_not_of(around);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(around) - begin + 1);
}

/// `- path: /dev/nvidia0` and `"path": "/dev/nvidia0",`.
std::pair<std::string_view, std::string_view> key_and_value(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos)
        return {};
    return {bare(line.substr(0, colon)), bare(line.substr(colon + 1))};
}

void take_path(std::string_view value, CdiScan& out) {
    auto path = HostPath::make(value);
    if (!path)
        return;
    if (value.starts_with("/dev/"))
        out.nodes.push_back({.path = std::move(*path)});
    else
        out.hooks.push_back(std::move(*path));
}

void take_number(std::string_view key, std::string_view value, CdiScan& out) {
    const auto number = parse_number<std::uint32_t>(value);
    if (!number || out.nodes.empty())
        return;
    auto& node = out.nodes.back();
    if (key == "major")
        node.number = DeviceNumber{*number, 0};
    else if (node.number)
        node.number->minor = *number;
}

void take(std::string_view key, std::string_view value, CdiScan& out) {
    if (key == "kind")
        out.kind = value;
    else if (key == "name")
        out.names.emplace_back(value);
    else if (key == "path")
        take_path(value, out);
    else if (key == "major" || key == "minor")
        take_number(key, value, out);
    else if (key == "hostPath")
        if (auto path = HostPath::make(value))
            out.host_paths.push_back(std::move(*path));
}

/// A node's path stands before its number: in the file, and in the order of this list.
void take_members(const nlohmann::json& object, CdiScan& out) {
    for (const auto* const key : {"kind", "name", "path", "major", "minor", "hostPath"}) {
        const auto found = object.find(key);
        if (found == object.end())
            continue;
        if (found->is_string())
            take(key, found->get_ref<const std::string&>(), out);
        else if (found->is_number_unsigned())
            take(key, std::to_string(found->get<std::uint32_t>()), out);
    }
}

} // namespace

CdiScan scan_cdi_json(const nlohmann::json& json) {
    CdiScan out;
    std::vector<const nlohmann::json*> rest{&json};
    while (!rest.empty()) {
        const auto* const next = rest.back();
        rest.pop_back();
        if (next->is_object())
            take_members(*next, out);
        for (auto child = next->rbegin(); next->is_structured() && child != next->rend(); ++child)
            rest.push_back(&*child);
    }
    return out;
}

CdiScan scan_cdi_yaml(std::string_view text) {
    CdiScan out;
    for (const auto line : split(text, '\n')) {
        const auto [key, value] = key_and_value(line);
        if (!value.empty())
            take(key, value, out);
    }
    return out;
}

} // namespace grapnel::doctor_command
