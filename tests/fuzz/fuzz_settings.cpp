// SPDX-License-Identifier: Apache-2.0
// The settings file, in both dialects. Input: its TOML.
#include "base/cdi_name.hpp"
#include "fuzz.hpp"
#include "settings/settings.hpp"

using namespace grapnel;
using fuzz::expect;

namespace {

constexpr std::string_view name = "config.toml";

void expect_path(const HostPath& path) {
    if (!path.empty())
        fuzz::expect_normal(path.text());
}

void expect_sound(const Settings& settings) {
    expect_path(settings.ldconfig);
    expect_path(settings.ldcache_file);
    expect_path(settings.log);
    for (const auto* const list : {&settings.library_search_path, &settings.binary_search_path})
        for (const auto& path : *list) {
            expect(!path.empty(), "a search path has no empty directory");
            expect_path(path);
        }
    for (const auto& variable : settings.swarm_resources)
        expect(!variable.empty(), "a variable has a name");
    for (const auto& prefix : settings.annotation_prefixes)
        expect(!prefix.empty(), "no prefix stands for every annotation");
    expect(is_cdi_kind(settings.default_kind), "the default kind is one");
    expect(DriverCapabilities::all().contains(settings.supported_driver_capabilities),
           "there are no unknown driver capabilities");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    const auto ours = parse_settings(text, Dialect::grapnel, name);
    const auto nvidias = parse_settings(text, Dialect::nvidia, name);
    const auto read = read_settings(text, Dialect::nvidia, name);
    expect_sound(read.settings);
    expect(nvidias ? read.settings == *nvidias : read.mistake.has_value(),
           "settings without a mistake are read whole");
    expect(nvidias || !read.settings.runtimes.empty(), "a container can be ended");
    for (const auto* const result : {&ours, &nvidias}) {
        if (*result) {
            expect_sound(**result);
            continue;
        }
        const auto error = result->error().text();
        expect(error.starts_with(name), "an error begins with the file's name");
        expect(std::ranges::none_of(error,
                                    [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }),
               "an error holds no control character");
    }
    if (ours)
        expect(nvidias && *ours == *nvidias, "NVIDIA's dialect takes whatever ours takes");
    else if (nvidias)
        expect(ours.error().text().find("unknown key") != std::string::npos,
               "the dialects differ in unknown keys alone");
    return 0;
}
