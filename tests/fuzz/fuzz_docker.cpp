// SPDX-License-Identifier: Apache-2.0
// Docker's daemon.json with a runtime entered and taken out. Input: its text.
#include "engine_config/diff.hpp"
#include "engine_config/docker.hpp"
#include "fuzz.hpp"

#include <nlohmann/json.hpp>

using namespace grapnel;
using namespace grapnel::engine_config;
using fuzz::expect;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Text before = std::string(fuzz::as_text(data, size));
    for (const bool more : {false, true}) {
        const RuntimeEntry entry{.path = "/usr/bin/r", .set_as_default = more, .cdi = more};
        const auto added = add_to_docker(before, entry, "daemon.json");
        if (!added) {
            fuzz::expect_printable(added.error());
            continue;
        }
        const auto json = nlohmann::json::parse(*added->text, nullptr, false);
        expect(json.is_object(), "what comes out is a JSON object");
        expect(json["runtimes"]["nvidia"]["path"] == entry.path, "the runtime is in it");
        const auto again = add_to_docker(added->text, entry, "daemon.json");
        expect(again && again->text == added->text, "a second run changes nothing");
        expect(unified_diff("f", before, added->text).empty() == (before == added->text),
               "there is a diff where there is a change");
        if (added->text == before)
            continue;
        const auto removed = remove_from_docker(added->text, before, entry, "daemon.json");
        expect(removed.has_value(), "what was entered can be taken out");
        const auto was = add_to_docker(before, {.path = "/other"}, "daemon.json");
        // a runtime of that very path counts as ours
        if (was && before->find("/usr/bin/r") == std::string::npos
            && before->find('\\') == std::string::npos)
            expect(removed->text == before, "--unset gives back what was there");
    }
    return 0;
}
