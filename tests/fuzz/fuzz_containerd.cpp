// SPDX-License-Identifier: Apache-2.0
// containerd's config.toml with a drop-in imported and taken out, and the drop-in made of it; the
// same bytes as a file of CRI-O. Input: its text.
#include "engine_config/containerd.hpp"
#include "engine_config/crio.hpp"
#include "engine_config/toml_imports.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using namespace grapnel::engine_config;
using fuzz::expect;

namespace {

constexpr std::string_view path = "/etc/containerd/config.toml";
constexpr std::string_view drop_in = "/etc/containerd/conf.d/99-grapnel.toml";

void expect_drop_in(const std::string& text) {
    for (const bool more : {false, true}) {
        const RuntimeEntry entry{.path = "/r", .set_as_default = more, .cdi = more};
        const ContainerdFiles files{.config = {std::string(path), text},
                                    .drop_in = std::string(drop_in)};
        const auto made = containerd_drop_in(files, entry);
        if (!made) {
            fuzz::expect_printable(made.error());
            continue;
        }
        expect(is_made_by_grapnel(*made->text), "the drop-in says whose it is");
        const ContainerdFiles copy{.config = {std::string(path), *made->text},
                                   .drop_in = std::string(drop_in)};
        const auto again = containerd_drop_in(copy, entry);
        expect(again.has_value(), "what comes out can be read again");
    }
    const auto crio = crio_drop_in({.earlier = {{"crio.conf", text}}, .drop_in = "/d"},
                                   {.path = "/r", .set_as_default = true});
    if (!crio)
        fuzz::expect_printable(crio.error());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::as_text(data, size));
    expect_drop_in(text);
    const auto added = add_import(text, drop_in, path);
    if (!added) {
        fuzz::expect_printable(added.error());
        return 0;
    }
    const auto imports = containerd_imports({std::string(path), *added});
    if (!imports) { // another import is no path
        fuzz::expect_printable(imports.error());
        return 0;
    }
    expect(std::ranges::find(*imports, drop_in) != imports->end(), "the drop-in is imported");
    const auto again = add_import(*added, drop_in, path);
    expect(again && *again == *added, "a second run changes nothing");
    if (*added == text)
        return 0;
    const auto removed = remove_import(*added, drop_in, path);
    expect(removed && *removed == text, "--unset gives back what was there");
    return 0;
}
