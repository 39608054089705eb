// SPDX-License-Identifier: Apache-2.0
// Additions to a bundle's config.json, and to an engine's update. Input: the JSON of both. What was
// there says the same afterwards.
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
    const auto again = edit_spec(*edited, edits);
    expect(again && *again == *edited, "a second time nothing is added");
    if (const auto updated = with_added_rules_of(text, *edited))
        expect(updated->has_value() && holds_device_rules(**updated), "an update gets the rule");
    const auto before = parse_spec(text);
    if (!before || may_hold_added_rules(text))
        return 0;
    const auto taken_back = without_added_rules(*edited);
    expect(taken_back && parse_spec(*taken_back)->device_rules == before->device_rules,
           "what was added can be taken back");
    const auto after = parse_spec(*edited);
    expect(after.has_value(), "what could be read still can");
    auto same = *after;
    same.device_rules.pop_back();
    expect(same == *before, "nothing but a device rule is added for the hook to read");
    expect(after->device_rules.back() == DeviceRule{.major = 195, .minor = 255},
           "the rule that counts most is the last");
    return 0;
}
