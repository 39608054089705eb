// SPDX-License-Identifier: Apache-2.0
#include "json/members.hpp"
#include "json/text.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace grapnel;
using grapnel::test::contains;
using grapnel::test::error_of;

namespace {

nlohmann::json read_members(std::string_view text) {
    return parse_json_members(text,
                              {{"a"}, {"b", {{"c"}}}, {"d", {{.name = "x", .is_prefix = true}}}});
}

} // namespace

TEST_CASE("a text that is not JSON is discarded") {
    CHECK(parse_json("{\"a\": }").is_discarded());
    CHECK(parse_ordered_json("").is_discarded());
    CHECK(parse_json("[1, 2]").size() == 2);
}

TEST_CASE("an ordered value keeps the order of members") {
    constexpr std::string_view text = R"({"b":1,"a":2})";
    CHECK(write_json(parse_ordered_json(text)) == text);
    CHECK(write_json(parse_json(text)) == R"({"a":2,"b":1})");
}

TEST_CASE("wanted members alone become values") {
    const auto read = [](std::string_view text) { return write_json(read_members(text)); };
    CHECK(read(R"({"a":{"z":[1,{"y":2}]},"n":{"a":1,"o":[{"b":[]}]},"m":null,"b":1})")
          == R"({"a":{"z":[1,{"y":2}]},"b":1})");
    CHECK(
        read(
            R"({ "n" : [1,[2],"a"] , "b" : [ {"c":{"e":1},"d":2} , 3,{"d":4}], "o":"a","a":true } )")
        == R"({"a":true,"b":[{"c":{"e":1}},3,{}]})");
    CHECK(read(R"({"d":{"x":"1","y":"2","xy":"3","zx":{"x":4}},"e":{"x":5}})")
          == R"({"d":{"x":"1","xy":"3"}})");
    CHECK(read(R"({"a":1,"b":{"c":2},"a":[3],"b":{"d":4}})") == R"({"a":[3],"b":{}})");
    CHECK(read(R"([{"n":1,"a":-2.5E+1},[]])") == R"([{"a":-25.0},[]])");
    CHECK(read("7") == "7");
}

TEST_CASE("brackets and quotation marks in strings are text") {
    CHECK(read_members(R"({"n":"]}\"","n]":{"}":"{\\"},"a":1,"m":["\\\""]})")
          == nlohmann::json{{"a", 1}});
}

TEST_CASE("an escape in a name hides no member") {
    CHECK(read_members(R"({"\u0061":1})") == nlohmann::json{{"a", 1}});
}

TEST_CASE("a text without clear members is discarded") {
    for (const auto* const text :
         {"", "{", "[", "{\"n\":}", "{\"n\":,\"a\":1}", "{\"n\":1\"a\":2}", "{\"n\":1 \"a\":2}",
          "{\"n\" 1}", "{\"n\":1,}", "{,\"n\":1}", "{n:1}", "{\"n\":[1,\"a\":2}", "{\"n\":\"1}",
          "{\"n\":1:2}", "{\"n\":1}}", "{\"n\":1} x", "{\"a\":1{,\"b\":2}", "{\"n",
          "{\"a\":tru}"}) {
        CAPTURE(text);
        CHECK(read_members(text).is_discarded());
    }
}

TEST_CASE("a syntax error has its place") {
    CHECK_FALSE(json_syntax_error(R"({"a": [null, true, 1, -1, 0.5, "x"]})"));
    CHECK(json_syntax_error("{\n\"a\": ]") == std::size_t{8});
    CHECK(json_syntax_error(""));
}

TEST_CASE("a repeated name cannot be written again") {
    CHECK(check_rewritable_json(R"({"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]})"));
    CHECK(contains(error_of(check_rewritable_json(R"({"a": {"b": 1, "b": 2}})")),
                   "'b' stands twice in one object"));
    CHECK(check_rewritable_json(R"({"a": )")); // for the parser to refuse
}

TEST_CASE("more than 1,000 levels cannot be written again") {
    CHECK(check_rewritable_json(std::string(1000, '[') + std::string(1000, ']')));
    CHECK(contains(error_of(check_rewritable_json(std::string(1001, '['))), "1,000 levels"));
}

TEST_CASE("bytes outside UTF-8 are replaced or dropped") {
    using enum JsonForm::NotUtf8;
    const nlohmann::json value{"a\xff", "\xc3\xa4"};
    CHECK(write_json(value, {.not_utf8 = replaced}) == "[\"a\xef\xbf\xbd\",\"\xc3\xa4\"]");
    CHECK(write_json(value, {.not_utf8 = left_out}) == "[\"a\",\"\xc3\xa4\"]");
    CHECK(write_json(nlohmann::json("\xc3\xa4"), {.is_ascii = true}) == R"("\u00e4")");
    CHECK(write_json(nlohmann::json{{"a", 1}}, readable_json) == "{\n  \"a\": 1\n}");
}
