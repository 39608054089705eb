// SPDX-License-Identifier: Apache-2.0
#include "image/glob.hpp"

#include <doctest/doctest.h>
#include <fnmatch.h>
#include <string>

using grapnel::image::fits_pattern;

TEST_CASE("patterns fit the names that fnmatch finds") {
    for (const auto* const pattern :
         {"",       "*",    "**",     "?",    "a",     "a*",  "*a",   "*a*b",  "*.conf", "[ab]c",
          "[!ab]c", "[^a]", "[a-c]d", "[]]",  "[]a]b", "[a",  "[",    "a[",    "\\*",    "\\a",
          "a\\",    ".*",   "\\.a",   "[.]a", "?a",    "*]*", "[a-]", "[\\]]", "a?c*",   "[!]]"})
        for (const auto* const name :
             {"",   "a", "b", "c",  "d",  "ac", "bc", "cc", "cd",  "ab", "aab", "x.conf", ".conf",
              ".a", ".", "]", "]b", "[a", "[",  "a[", "*",  "a\\", "-",  "abc", "abcd",   "a]b"}) {
            CAPTURE(std::string(pattern));
            CAPTURE(std::string(name));
            std::size_t steps = 1000;
            CHECK(fits_pattern(pattern, name, steps) == (fnmatch(pattern, name, FNM_PERIOD) == 0));
        }
}

TEST_CASE("a pattern of many stars takes bounded work") {
    std::string pattern;
    for (int i = 0; i < 60; ++i)
        pattern += "*a";
    std::size_t steps = 1'000'000;
    CHECK_FALSE(fits_pattern(pattern + "b", std::string(255, 'a'), steps));
    CHECK(steps > 900'000);
    CHECK_FALSE(fits_pattern("*", "a", steps = 0));
}
