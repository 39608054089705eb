// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.hpp"

#include "base/text.hpp"

#include <array>

namespace grapnel {

namespace {

/// The kernel writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto code = text[i] == '\\' && i + 3 < text.size()
                              ? parse_number<unsigned char>(text.substr(i + 1, 3), 8)
                              : std::nullopt;
        out += code ? static_cast<char>(*code) : text[i];
        if (code)
            i += 3;
    }
    return out;
}

/// "major:minor".
DeviceNumber device_number(std::string_view word) {
    const auto colon = word.find(':');
    if (colon == std::string_view::npos)
        return {};
    return {.major = parse_number<std::uint32_t>(word.substr(0, colon)).value_or(0),
            .minor = parse_number<std::uint32_t>(word.substr(colon + 1)).value_or(0)};
}

/// The words of a line, with one blank between them.
class Words {
  public:
    explicit Words(std::string_view line) : rest_(line) {}

    /// Nothing at the end of the line.
    std::optional<std::string_view> next() {
        if (!rest_)
            return std::nullopt;
        const auto end = rest_->find(' ');
        const auto word = rest_->substr(0, end);
        rest_ =
            end == std::string_view::npos ? std::nullopt : std::optional(rest_->substr(end + 1));
        return word;
    }

  private:
    std::optional<std::string_view> rest_;
};

/// The fields behind the sixth, up to the "-" that ends them.
bool take_optional_fields(Words& words, MountLine& line) {
    constexpr std::string_view shared = "shared:";
    constexpr std::string_view master = "master:";
    for (auto word = words.next(); word; word = words.next()) {
        if (*word == "-")
            return true;
        if (word->starts_with(shared))
            line.peer_group = parse_number<std::uint64_t>(word->substr(shared.size()));
        if (word->starts_with(master))
            line.master = parse_number<std::uint64_t>(word->substr(master.size()));
    }
    return false;
}

std::vector<std::string> list_of(std::string_view options) {
    std::vector<std::string> out;
    for (const auto option : split(options, ','))
        out.emplace_back(option);
    return out;
}

} // namespace

std::string MountLine::root() const {
    return unescape(escaped_root);
}

std::string MountLine::point() const {
    return unescape(escaped_point);
}

MountInfo MountLine::info() const {
    return {.id = id,
            .device = device,
            .root = root(),
            .point = point(),
            .options = list_of(options),
            .peer_group = peer_group,
            .master = master,
            .type = std::string(type),
            .super_options = list_of(super_options)};
}

std::optional<MountLine> parse_mount_line(std::string_view line) {
    Words words(line);
    std::array<std::string_view, 6> first{};
    for (auto& word : first) {
        const auto next = words.next();
        if (!next || *next == "-")
            return std::nullopt;
        word = *next;
    }
    const auto& [id, parent, device, root, point, options] = first;
    const auto number = parse_number<std::uint64_t>(id);
    MountLine out{.device = device_number(device),
                  .escaped_root = root,
                  .escaped_point = point,
                  .options = options};
    if (!number || !take_optional_fields(words, out))
        return std::nullopt;
    const auto type = words.next();
    (void)words.next(); // the source
    const auto super_options = words.next();
    if (!super_options)
        return std::nullopt;
    out.id = *number;
    out.type = *type;
    out.super_options = *super_options;
    return out;
}

std::vector<MountInfo> parse_mountinfo(std::string_view text) {
    std::vector<MountInfo> out;
    for (const auto line : split(text, '\n'))
        if (const auto mount = parse_mount_line(line))
            out.push_back(mount->info());
    return out;
}

} // namespace grapnel
