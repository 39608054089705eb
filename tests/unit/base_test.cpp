// SPDX-License-Identifier: Apache-2.0
#include "base/closest.hpp"
#include "base/device_number.hpp"
#include "base/driver_capability.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "support/outcome.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;

Result<int> half_of(int number) {
    if (number % 2 != 0)
        return refused(std::to_string(number) + " is odd", "take an even number");
    return number / 2;
}

Result<int> quarter_of(int number) {
    const auto half = GRAPNEL_TRY(half_of(number).note("first half"));
    return half_of(half).note("second half");
}

} // namespace

TEST_CASE("a path is kept in normal form") {
    struct Row {
        std::string text;
        std::string normal; ///< empty: refused
    };
    const Row rows[] = {
        {"/", "/"},
        {"//", "/"},
        {"/.", "/"},
        {"/usr/lib", "/usr/lib"},
        {"/usr//lib/", "/usr/lib"},
        {"/./usr/./lib/.", "/usr/lib"},
        {"/...", "/..."},
        {"/usr/.lib/..lib/lib.", "/usr/.lib/..lib/lib."},
        {"/a b\n", "/a b\n"},
        {"", ""},
        {"usr", ""},
        {"./usr", ""},
        {"/..", ""},
        {"/usr/../etc", ""},
        {"/usr/..", ""},
        {std::string("/a\0b", 4), ""},
        {"/" + std::string(4095, 'a'), ""},
        {"/" + std::string(4094, 'a'), "/" + std::string(4094, 'a')},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto path = HostPath::make(row.text);
        CHECK(path.has_value() == !row.normal.empty());
        CHECK((path ? path->text() : "") == row.normal);
    }
}

TEST_CASE("a refused path is quoted with the reason") {
    CHECK(error_of(HostPath::make("usr")) == "path 'usr' is not absolute");
    CHECK(error_of(HostPath::make("/a/../\x1b[2J")) == "path '/a/../\\x1b[2J' holds '..'");
    CHECK(contains(error_of(HostPath::make(std::string("/\0", 2))), "NUL"));
    CHECK(contains(error_of(HostPath::make("/" + std::string(5000, 'x'))), "too long"));
}

TEST_CASE("a path is split and joined again") {
    struct Row {
        const char* path;
        const char* parent;
        const char* name;
    };
    const Row rows[] = {{"/", "/", ""}, {"/usr", "/", "usr"}, {"/usr/lib", "/usr", "lib"}};
    for (const auto& row : rows) {
        CAPTURE(row.path);
        const auto path = inside_path(row.path);
        CHECK(path.parent().text() == row.parent);
        CHECK(path.name() == row.name);
        if (*row.name != '\0')
            CHECK(path.parent() / row.name == path);
    }
    CHECK(HostPath().empty());
    CHECK_FALSE(host_path("/").empty());
}

TEST_CASE("a plain name is one path component") {
    const std::string longest(255, 'n');
    for (const std::string_view name :
         {std::string_view("a"), std::string_view("..."), std::string_view("libcuda.so.1"),
          std::string_view(longest)}) {
        CAPTURE(name);
        CHECK(is_plain_name(name));
    }
    const std::string too_long(256, 'n');
    for (const auto name : {std::string_view(""), std::string_view("."), std::string_view(".."),
                            std::string_view("a/b"), std::string_view("/"),
                            std::string_view("a\0b", 3), std::string_view(too_long)}) {
        CAPTURE(name);
        CHECK_FALSE(is_plain_name(name));
    }
}

TEST_CASE("a number is read whole and in range") {
    struct Row {
        std::string_view text;
        std::optional<std::uint32_t> value;
    };
    const Row rows[] = {
        {"0", 0},
        {"007", 7},
        {"4294967295", 4294967295U},
        {"4294967296", {}},
        {"99999999999999999999999", {}},
        {"", {}},
        {" 1", {}},
        {"1 ", {}},
        {"+1", {}},
        {"-1", {}},
        {"0x10", {}},
        {"1e3", {}},
        {"1.", {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(parse_number<std::uint32_t>(row.text) == row.value);
    }
    CHECK(parse_number<std::uint32_t>("00ff", 16) == 255U);
    CHECK(parse_number<unsigned char>("777", 8) == std::nullopt);
    CHECK(parse_number<int>("-5") == -5);
}

TEST_CASE("a number is added to a text") {
    std::string text = "=";
    append_number(text, std::numeric_limits<std::int64_t>::min());
    append_number(text += ' ', std::numeric_limits<std::uint64_t>::max());
    append_number(text += ' ', std::numeric_limits<std::uint32_t>::max(), 2);
    append_number(text += ' ', 0755, 8);
    CHECK(text == "=-9223372036854775808 18446744073709551615 " + std::string(32, '1') + " 755");
}

TEST_CASE("quoted text is short printable ASCII") {
    CHECK(quote("") == "''");
    CHECK(quote("it's") == "'it's'");
    CHECK(quote("a\tb\n\x7f\x80\xff") == "'a\\x09b\\x0a\\x7f\\x80\\xff'");
    CHECK(quote(std::string(1, '\0')) == "'\\x00'");
    CHECK(quote(std::string(200, 'x')) == "'" + std::string(200, 'x') + "'");
    CHECK(quote(std::string(201, 'x')) == "'" + std::string(200, 'x') + "...'");
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        for (const char c : quote(std::string(3, static_cast<char>(byte))))
            CHECK((c >= ' ' && c <= '~'));
    }
}

TEST_CASE("lists are split at commas and trimmed") {
    using List = std::vector<std::string>;
    struct Row {
        std::string_view text;
        List items;
    };
    const Row rows[] = {
        {"", {}},
        {",", {}},
        {" \t, ,", {}},
        {"a", {"a"}},
        {" a ,\tb,,c d ", {"a", "b", "c d"}},
        {"a,a", {"a", "a"}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(comma_list(row.text) == row.items);
    }
    CHECK(split("", ',') == std::vector<std::string_view>{""});
    CHECK(split("a::b:", ':') == std::vector<std::string_view>{"a", "", "b", ""});
}

TEST_CASE("case is ignored for ASCII letters alone") {
    CHECK(equal_ignoring_case("GPU-aF", "gpu-Af"));
    CHECK(equal_ignoring_case("", ""));
    CHECK_FALSE(equal_ignoring_case("a", "ab"));
    CHECK_FALSE(equal_ignoring_case("@", "`"));
    CHECK_FALSE(equal_ignoring_case("[", "{"));
    CHECK_FALSE(equal_ignoring_case("\xc4", "\xe4"));
}

TEST_CASE("things are enumerated as a sentence has them") {
    CHECK(enumerate({}) == "");
    CHECK(enumerate({"a"}) == "a");
    CHECK(enumerate({"a", "b"}) == "a and b");
    CHECK(enumerate({"a", "b", "c"}) == "a, b and c");
}

TEST_CASE("a version is numbers between dots") {
    for (const auto* const text : {"0", "580.159.04", "12", "1.2.3.4.5.6.7.8", "4294967295"}) {
        CAPTURE(text);
        CHECK(Version::parse(text).has_value());
    }
    for (const auto* const text : {"", ".", "1.", ".1", "1..2", "v1", "1.2a", "-1",
                                   "1.2.3.4.5.6.7.8.9", "4294967296", "1 .2", "x86_64"}) {
        CAPTURE(text);
        CHECK_FALSE(Version::parse(text).has_value());
    }
}

TEST_CASE("versions compare by part; missing parts are zero") {
    struct Row {
        const char* left;
        const char* right;
        std::strong_ordering order;
    };
    const Row rows[] = {
        {"12", "12.0", std::strong_ordering::equal},
        {"12.0.0", "12", std::strong_ordering::equal},
        {"9.0", "12.4", std::strong_ordering::less},
        {"580.65.06", "580.65.6", std::strong_ordering::equal},
        {"580.159.04", "580.65.06", std::strong_ordering::greater},
        {"1.0.1", "1", std::strong_ordering::greater},
    };
    for (const auto& row : rows) {
        CAPTURE(row.left);
        CAPTURE(row.right);
        const auto left = *Version::parse(row.left);
        const auto right = *Version::parse(row.right);
        CHECK((left <=> right) == row.order);
        CHECK((right < left) == (row.order > 0));
        CHECK((left == right) == (row.order == 0));
    }
}

TEST_CASE("driver capabilities are known by their exact names") {
    for (const auto name : driver_capability_names) {
        CAPTURE(name);
        const auto one = driver_capability(name);
        REQUIRE(one);
        CHECK(DriverCapabilities{*one}.names() == std::vector{std::string(name)});
    }
    for (const auto* const name : {"", "all", "Compute", "compute ", "none", "nvml"})
        CHECK_FALSE(driver_capability(name).has_value());
}

TEST_CASE("driver capabilities are a set in alphabetical order") {
    using enum DriverCapability;
    DriverCapabilities set{utility, compute, utility};
    CHECK(set.names() == std::vector<std::string>{"compute", "utility"});
    CHECK(set.has(compute));
    CHECK_FALSE(set.has(video));
    CHECK((set & DriverCapabilities{video, compute}) == DriverCapabilities{compute});
    CHECK(set.contains({compute}));
    CHECK_FALSE(set.contains({compute, video}));
    CHECK(DriverCapabilities().empty());
    CHECK(DriverCapabilities::all().contains(set));
    CHECK(DriverCapabilities::all().names().size() == driver_capability_names.size());
    set.insert(video);
    CHECK(set == DriverCapabilities{compute, utility, video});
}

TEST_CASE("a device rule is in the controller's form") {
    using Type = DeviceRule::Type;
    struct Row {
        DeviceRule rule;
        const char* text;
    };
    constexpr std::uint32_t any = access_read | access_write | access_mknod;
    const Row rows[] = {
        {{.major = 195, .minor = 255}, "c 195:255 rw"},
        {{.major = 195}, "c 195:* rw"},
        {{.minor = 0}, "c *:0 rw"},
        {{.type = Type::all, .access = any}, "a *:* rwm"},
        {{.type = Type::block, .major = 8, .minor = 0, .access = access_read}, "b 8:0 r"},
        {{.access = access_mknod}, "c *:* m"},
        {{.access = 0}, "c *:* "},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(row.rule.text() == row.text);
    }
}

TEST_CASE("an error reads object, cause, cure") {
    CHECK(refused("no driver").text() == "no driver");
    CHECK(refused("no driver", "install one").text() == "no driver: install one");
    errno = ENOENT;
    auto error = system_error("open /x", "make it");
    error.notes = {"inner", "outer"};
    CHECK(error.text() == "outer: inner: open /x: No such file or directory: make it");
    CHECK(error.kind == Error::Kind::system);
    errno = 9999;
    CHECK(contains(system_error("call").text(), "9999"));
}

TEST_CASE("GRAPNEL_TRY passes an error with callers' notes") {
    CHECK(quarter_of(8) == 2);
    CHECK(error_of(quarter_of(7)) == "first half: 7 is odd: take an even number");
    CHECK(error_of(quarter_of(6)) == "second half: 3 is odd: take an even number");
    CHECK(error_of(half_of(1).cure("try again")) == "1 is odd: try again");
    CHECK(error_of(half_of(2).cure("try again").note("note")).empty());
}

TEST_CASE("an error's line is bounded") {
    const std::string huge(10'000'000, '\x01');
    Error error = refused("object " + huge + " failed", "mend it " + huge);
    error.notes = {huge, "outer"};
    const auto text = error.text();
    CHECK(text.size() <= line_limit);
    CHECK(text.starts_with("outer: \\x01"));
    CHECK(text.find("object \\x01") != std::string::npos);
    for (const char c : text)
        CHECK((c >= 0x20 && c <= 0x7e));
    const auto short_cause = refused(std::string(5000, 'x'), "do this");
    CHECK(short_cause.text().ends_with("...: do this") == false);
    CHECK(short_cause.text().ends_with("x: do this"));
}

TEST_CASE("a long line keeps beginning and end") {
    CHECK(fit_line("short", 9) == "short");
    CHECK(fit_line("0123456789abcdef", 9) == "012...def");
    CHECK(fit_line("a\n", 16) == "a\\x0a");
    for (const std::size_t size : {1U, 9U, 10U, 100U, 4096U, 5000U})
        CHECK(fit_line(std::string(size, '\n'), 9).size() <= 9);
}

TEST_CASE("a mistyped word names the closest known word") {
    CHECK(edit_distance("abc", "abc") == 0);
    CHECK(edit_distance("ab", "ba") == 1);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("No_Cgroups", "no-cgroups") == 0);
    CHECK(edit_distance(std::string(1'000'000, 'a'), std::string(1'000'000, 'b')) == 64);
    constexpr std::array<std::string_view, 3> known{"--config", "--debug", "--dry-run"};
    CHECK(suggestion("--confg", known) == "did you mean '--config'?");
    CHECK(suggestion("--dryrun", known) == "did you mean '--dry-run'?");
    CHECK(suggestion("--nonsense", known).empty());
    CHECK(suggestion("x", {}).empty());
}
