// SPDX-License-Identifier: Apache-2.0
#include "plan/forward_compat.hpp"

#include "base/text.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace grapnel {

namespace {

constexpr std::string_view prefix = "libcuda.so.";

struct Note {
    std::string cuda_text = {};
    Version cuda = {};
    std::vector<std::uint64_t> branches = {}; ///< of drivers that it serves
};

const nlohmann::json* member(const nlohmann::json& object, std::string_view key) {
    for (const auto& [name, value] : object.items())
        if (equal_ignoring_case(name, key))
            return &value;
    return nullptr;
}

/// Nothing if the note is malformed: an unknown note is no reason to prefer a library.
std::optional<Note> parse_note(std::string_view text) {
    // the section can be filled up with NUL bytes
    while (text.ends_with('\0'))
        text.remove_suffix(1);
    const auto json = parse_json(text);
    if (!json.is_object())
        return std::nullopt;
    const auto* const cuda = member(json, "CUDA version");
    const auto* const branches = member(json, "driver");
    if (cuda == nullptr || !cuda->is_string() || branches == nullptr || !branches->is_array())
        return std::nullopt;
    Note note{.cuda_text = cuda->get<std::string>()};
    const auto version = Version::parse(note.cuda_text);
    if (!version)
        return std::nullopt;
    note.cuda = *version;
    for (const auto& branch : *branches) {
        if (!branch.is_number_unsigned())
            return std::nullopt;
        note.branches.push_back(branch.get<std::uint64_t>());
    }
    return note;
}

bool is_newer(const Version& library, const std::optional<Note>& note,
              const std::optional<Version>& driver, const std::optional<Version>& cuda) {
    if (note && driver)
        return std::ranges::find(note->branches, driver->parts.front()) != note->branches.end()
               && library > *driver;
    if (note)
        return cuda && note->cuda > *cuda;
    return driver && library.parts.front() > driver->parts.front();
}

} // namespace

std::optional<PlannedCompat> use_compat(const CompatLibrary& library,
                                        const std::optional<Version>& driver,
                                        const std::optional<Version>& cuda) {
    const std::string_view name = library.name;
    if (!name.starts_with(prefix))
        return std::nullopt;
    const auto version = Version::parse(name.substr(prefix.size()));
    const auto note = library.note ? parse_note(*library.note) : std::nullopt;
    if (!version || (library.note && !note) || !is_newer(*version, note, driver, cuda))
        return std::nullopt;
    PlannedCompat compat{.directory = library.directory, .library = library.name};
    if (note)
        compat.cuda = note->cuda_text;
    return compat;
}

} // namespace grapnel
