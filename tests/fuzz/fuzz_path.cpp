// SPDX-License-Identifier: Apache-2.0
// Paths and untrusted text. Input: any text.
#include "base/text.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using fuzz::expect;

namespace {

void paths(std::string_view text) {
    const auto normal = normal_absolute_path(text);
    const auto inside = InsidePath::make(text);
    expect(normal.has_value() == inside.has_value(), "both makers accept the same");
    if (!normal) {
        fuzz::expect_printable(normal.error());
        return;
    }
    fuzz::expect_normal(*normal);
    expect(inside->text() == *normal, "both makers give the same");
    expect(normal->size() <= text.size(), "a path does not grow when it is made normal");
    const auto again = normal_absolute_path(*normal);
    expect(again && *again == *normal, "a normal path stays as it is");
    fuzz::expect_normal(inside->parent().text());
    if (inside->name().empty())
        expect(inside->text() == "/", "only the root has no name");
    else
        expect(inside->parent() / inside->name() == *inside, "a path is its parent and its name");
}

void names(std::string_view text) {
    if (!is_plain_name(text))
        return;
    const auto below = inside_path("/usr") / text;
    fuzz::expect_normal(below.text());
    expect(below.name() == text && below.parent().text() == "/usr",
           "a plain name is one component");
}

void lists(std::string_view text) {
    std::string joined;
    for (const auto part : split(text, ',')) {
        expect(part.find(',') == std::string_view::npos, "a part holds no separator");
        joined += std::string(part) + ",";
    }
    joined.pop_back();
    expect(joined == text, "the parts of a text make the text");
    for (const auto& item : comma_list(text))
        expect(!item.empty() && trim(item) == item, "a list has no empty and no untrimmed item");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    paths(text);
    names(text);
    lists(text);
    const auto quoted = quote(text);
    expect(fuzz::is_printable_ascii(quoted), "quoted text is printable ASCII");
    expect(quoted.size() >= 2 && quoted.size() <= 805, "quoted text is bounded");
    expect(equal_ignoring_case(text, text), "a text equals itself");
    if (const auto number = parse_number<std::uint32_t>(text))
        expect(parse_number<std::uint32_t>(std::to_string(*number)) == *number,
               "a number survives being written");
    return 0;
}
