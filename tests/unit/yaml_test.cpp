// SPDX-License-Identifier: Apache-2.0
#include "yaml/parse.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace grapnel;
using Json = nlohmann::json;

namespace {

Json value_of(std::string_view text) {
    const auto value = parse_yaml(text);
    REQUIRE_MESSAGE(value.has_value(), text);
    return *value;
}

std::string mistake_in(std::string_view text) {
    const auto value = parse_yaml(text);
    REQUIRE_MESSAGE(!value.has_value(), text);
    return value.error().text();
}

} // namespace

TEST_CASE("block and flow style are one value") {
    const auto json = Json::parse(R"({"a": [{"b": "c d", "e": [1, 2]}, "f"], "g": {}})");
    CHECK(value_of("---\na:\n- b: 'c d' # comment\n  e:\n    - 1\n    - 2\n- f\ng: {}\n") == json);
    CHECK(value_of(json.dump()) == json);
    CHECK(value_of(json.dump(1, '\t')) == json);
}

TEST_CASE("plain scalars have the type of the schema") {
    CHECK(value_of("[0, -1, +7, 0x1F, 0o17, 0644, 08, 1.5, 0x, 9223372036854775808]")
          == Json::array({0, -1, 7, 31, 15, 420, "08", "1.5", "0x", "9223372036854775808"}));
    CHECK(value_of("[true, FALSE, ~, null, yes, '1', \"true\", !!str 1]")
          == Json::array({true, false, nullptr, nullptr, "yes", "1", "true", "1"}));
    CHECK(value_of("1: a\ntrue: b\n") == Json{{"1", "a"}, {"true", "b"}});
}

TEST_CASE("scalars of several lines are joined") {
    CHECK(value_of("a: b\n  c\nd: |\n  e\n  f\ng: \"h\\\n  i\"\n")
          == Json{{"a", "b c"}, {"d", "e\nf\n"}, {"g", "hi"}});
}

TEST_CASE("an alias is a copy of its anchor") {
    CHECK(value_of("a: &x [b]\nc: *x\n") == Json{{"a", {"b"}}, {"c", {"b"}}});
    CHECK(mistake_in("a: *x\n") == "line 1: no anchor has the name 'x'");
}

TEST_CASE("the first document is read") {
    CHECK(value_of("a: b\n---\nc: d\n") == Json{{"a", "b"}});
    CHECK(value_of("") == nullptr);
    CHECK(value_of({}) == nullptr);
    CHECK(value_of("# nothing\n") == nullptr);
}

TEST_CASE("a mistake has its line") {
    CHECK(mistake_in("a: b\na: c\n") == "line 2: the key 'a' stands twice");
    CHECK(mistake_in("a: b\n\tb: c\n").starts_with("line 2: "));
    CHECK(mistake_in("a:\n- [b\n").starts_with("line 3: "));
    CHECK(mistake_in("? [a]\n: b\n") == "line 1: a key is no scalar");
    CHECK(mistake_in("a: \xff\n").starts_with("line 1: "));
    CHECK(mistake_in("? *x\n: b\n") == "line 1: an alias is no key");
}

TEST_CASE("collections nest at most 32 levels deep") {
    CHECK(value_of(std::string(32, '[') + std::string(32, ']')).is_array());
    CHECK(mistake_in(std::string(33, '[') + std::string(33, ']')).find("deeper")
          != std::string::npos);
    CHECK(mistake_in(std::string(100'000, '[')).find("deeper") != std::string::npos);
    // an alias brings the levels of its anchor
    CHECK(mistake_in("a: &a " + std::string(30, '[') + std::string(30, ']') + "\nb: [[[*a]]]\n")
              .find("deeper")
          != std::string::npos);
}

TEST_CASE("aliases do not multiply without bounds") {
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int level = 1; level < 20; ++level) {
        const auto before = "*a" + std::to_string(level - 1);
        text += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + before;
        for (int count = 1; count < 10; ++count)
            text += ", " + before;
        text += "]\n";
    }
    CHECK(mistake_in(text) == "line 5: the document has more than 100000 values");
    const std::string long_text(1'000'000, 'x');
    std::string copies = "a: &a " + long_text + "\nb: [*a";
    for (int count = 1; count < 10; ++count)
        copies += ", *a";
    CHECK(value_of(copies + "]\n").size() == 2);
    for (int count = 0; count < 20; ++count)
        copies += ", *a";
    CHECK(mistake_in(copies + "]\n") == "line 2: the document has more than 100000 values");
}
