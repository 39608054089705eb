// SPDX-License-Identifier: Apache-2.0
// A CDI file as YAML. Input: its text.
#include "fuzz.hpp"
#include "yaml/parse.hpp"

#include <nlohmann/json.hpp>

using namespace grapnel;
using fuzz::expect;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    const auto value = parse_yaml(text);
    if (!value) {
        fuzz::expect_printable(value.error());
        expect(value.error().text().starts_with("line "), "a mistake has its line");
        return 0;
    }
    const auto json = value->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    // YAML has fewer characters than JSON, and keys of at most 1,024 of them
    if (json.size() > 1000 || !fuzz::is_printable_ascii(json))
        return 0;
    const auto again = parse_yaml(json);
    expect(again && *again == *value, "a value written as JSON is the same value");
    const auto as_json = nlohmann::json::parse(text, nullptr, false);
    if (as_json.is_structured() && text.find('\\') == std::string_view::npos)
        expect(as_json.type() == value->type(), "JSON is YAML");
    return 0;
}
