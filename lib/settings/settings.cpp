// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.hpp"

#include "base/closest.hpp"
#include "base/format.hpp"
#include "base/text.hpp"
#include "settings/keys.hpp"
#include "toml/parse.hpp"

#include <algorithm>
#include <array>

namespace grapnel {

namespace {

bool is_table_of_keys(const std::string& name) {
    return std::ranges::any_of(known_keys(),
                               [&](const auto& key) { return key.name.starts_with(name + "."); });
}

/// The known key that an unknown one may stand for: misspelt, or in the wrong table.
std::string meant_key(std::string_view full) {
    const auto last = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
    std::string_view meant;
    std::size_t least = full.size() + 1;
    for (const auto& key : known_keys()) {
        const auto whole = edit_distance(full, key.name);
        const auto part = edit_distance(last(full), last(key.name));
        // a misspelt table costs more than a misspelt key
        const auto cost = std::min(whole * 2, part * 2 + 1);
        if ((is_slip(whole, last(key.name).size()) || is_slip(part, last(key.name).size()))
            && cost < least) {
            least = cost;
            meant = key.name;
        }
    }
    return meant.empty() ? std::string() : "did you mean " + quote(meant) + "?";
}

bool is_known(const std::string& name) {
    return std::ranges::find(known_keys(), name, &Key::name) != known_keys().end();
}

/// Stores all that is right, and keeps the mistake of the lowest line.
class Reader {
  public:
    Reader(SettingsReading& reading, Dialect dialect, std::string_view name)
        : reading_(reading), dialect_(dialect), name_(name) {}

    void table(const toml::table& table, const std::string& prefix) {
        for (const auto& [key, node] : table) {
            const auto full = prefix + std::string(key.str());
            const auto* const below = node.as_table();
            if (below != nullptr && !is_known(full) && (!below->empty() || is_table_of_keys(full)))
                this->table(*below, full + ".");
            else if (const auto stored = store(full, node); !stored)
                keep(stored.error(), node.source().begin.line);
        }
    }

  private:
    Status store(const std::string& full, const toml::node& node) {
        const auto key = std::ranges::find(known_keys(), full, &Key::name);
        if (key != known_keys().end())
            return key->store(reading_.settings, node).note(full);
        if (is_table_of_keys(full))
            return refused(full + " is a table of keys and has no value of its own",
                           "write [" + full + "] on a line of its own");
        if (dialect_ == Dialect::nvidia)
            return {};
        const auto meant = meant_key(full);
        return refused("unknown key " + quote(full),
                       meant.empty() ? "see grapnel.toml(5)" : meant + " (see grapnel.toml(5))");
    }

    void keep(Error mistake, std::size_t line) {
        if (reading_.mistake && line >= line_)
            return;
        line_ = line;
        mistake.notes.push_back(format_text("{}:{}", name_, line));
        reading_.mistake = std::move(mistake);
    }

    SettingsReading& reading_;
    Dialect dialect_;
    std::string_view name_;
    std::size_t line_ = 0;
};

constexpr std::string_view volume_mounts_key = "accept-nvidia-visible-devices-as-volume-mounts";

} // namespace

bool Settings::forward_compat() const {
    constexpr std::array<std::string_view, 3> on{"ldconfig", "mount", "hook"};
    if (disable_compat_hook || cuda_compat_mode == "disabled")
        return false;
    return allow_compat_from_container || std::ranges::find(on, cuda_compat_mode) != on.end();
}

HostPath installed_probe() {
    return host_path(GRAPNEL_LIBEXEC "/grapnel-probe");
}

SettingsReading broken_settings(Error mistake) {
    SettingsReading reading{.settings = {}, .mistake = std::move(mistake)};
    reading.settings.accept_volume_mounts = true;
    return reading;
}

SettingsReading read_settings(std::string_view text, Dialect dialect, std::string_view name) {
    const auto table = parse_toml(text, name, settings_size_limit);
    if (!table)
        return broken_settings(table.error());
    SettingsReading reading;
    Reader(reading, dialect, name).table(*table, "");
    if (!reading.mistake)
        return reading;
    const auto* const accepts = table->get(volume_mounts_key);
    if (accepts == nullptr || !accepts->is_boolean())
        reading.settings.accept_volume_mounts = true;
    if (reading.settings.runtimes.empty())
        reading.settings.runtimes = Settings{}.runtimes;
    return reading;
}

Result<Settings> parse_settings(std::string_view text, Dialect dialect, std::string_view name) {
    auto reading = read_settings(text, dialect, name);
    if (reading.mistake)
        return std::move(*reading.mistake);
    return std::move(reading.settings);
}

} // namespace grapnel
