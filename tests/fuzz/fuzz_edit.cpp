// SPDX-License-Identifier: Apache-2.0
// Additions to a bundle's config.json. Input: its JSON. What was there says the same afterwards.
#include "fuzz.hpp"
#include "oci/edit.hpp"
#include "oci/spec.hpp"

using namespace grapnel;
using fuzz::expect;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    SpecEdits edits;
    edits.hook = host_path("/usr/bin/grapnel-hook");
    edits.device_rules = {{.major = 195, .minor = 255}};
    const auto edited = edit_spec(text, edits);
    if (!edited) {
        fuzz::expect_printable(edited.error());
        return 0;
    }
    edits.device_rules.clear();
    const auto again = edit_spec(*edited, edits);
    expect(again && *again == *edited, "a second time nothing is added");
    const auto before = parse_spec(text);
    if (!before)
        return 0;
    const auto after = parse_spec(*edited);
    expect(after.has_value(), "what could be read still can");
    auto same = *after;
    same.device_rules.pop_back();
    expect(same == *before, "nothing but a device rule is added for the hook to read");
    expect(after->device_rules.back() == DeviceRule{.major = 195, .minor = 255},
           "the rule that counts most is the last");
    return 0;
}
