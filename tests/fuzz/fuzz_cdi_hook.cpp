// SPDX-License-Identifier: Apache-2.0
// The command line of nvidia-cdi-hook, from a CDI file that another program wrote. Input: a word a
// line.
#include "cdi_hook_options.hpp"
#include "fuzz.hpp"

#include <algorithm>

using namespace grapnel;
using fuzz::expect;

namespace {

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

void expect_sound(const apply::CdiHookRequest& request) {
    for (const auto& link : request.links) {
        fuzz::expect_normal(link.inside.text());
        expect(link.inside.text() != "/" && !link.target.empty(), "a link has a name and a target");
    }
    for (const auto& folder : request.folders)
        fuzz::expect_normal(folder.text());
    for (const auto& change : request.modes) {
        fuzz::expect_normal(change.inside.text());
        expect(change.mode <= 07777, "a mode has permission bits alone");
    }
    fuzz::expect_normal(request.compat_directory.text());
    if (request.ldconfig)
        fuzz::expect_normal(request.ldconfig->text());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto words = words_of(fuzz::as_text(data, size));
    const auto options = cdi_hook::parse_options(words);
    if (!options)
        fuzz::expect_printable(options.error());
    else if (options->action == cdi_hook::Options::Action::run)
        expect_sound(options->request);
    return 0;
}
