#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages of `grapnel explain GRNNNN`, from doc/troubleshooting.md, as a C++ header.

    generate_pages.py doc/troubleshooting.md > finding_pages.hpp

A section of the page is a finding's page if its first line is `GRNNNN`, *error* or *warning*.
"""

import re
import sys

SECTION = re.compile(r"^### (.*)\n\n`GR(\d{4})`, \*(error|warning)\*\. ?", re.M)
HEADING = re.compile(r"^#{2,3} ", re.M)

HEAD = """// SPDX-License-Identifier: Apache-2.0
// Made of doc/troubleshooting.md by generate_pages.py.
#pragma once

#include "doctor/page.hpp"

#include <array>

namespace grapnel::doctor_command {
"""


def plain(text):
    """Markdown as a terminal shows it best: links in words, blocks of commands indented."""
    text = re.sub(r"\[([^]]*)\]\(([^)]*)\)", r"\1 (\2)", text)
    block = re.compile(r"^```.*?\n(.*?)^```$", re.M | re.S)
    return block.sub(lambda found: re.sub(r"^(?=.)", "    ", found[1], flags=re.M).rstrip("\n"), text)


def pages(text):
    """(number, severity, title, body) of each section with a code, in the order of the codes."""
    found = []
    for match in SECTION.finditer(text):
        end = HEADING.search(text, match.end())
        body = text[match.end() : end.start() if end else len(text)].strip()
        found.append((int(match[2]), match[3], match[1].replace("`", ""), plain(body)))
    return sorted(found)


def main(path):
    with open(path, encoding="utf-8") as file:
        found = pages(file.read())
    numbers = [number for number, *_ in found]
    assert found and len(set(numbers)) == len(numbers), "a code stands twice"
    print(HEAD)
    # the names are those of the findings
    print("// NOLINTBEGIN(readability-identifier-naming)\nenum class Code : std::uint16_t {")
    for number in numbers:
        print(f"    GR{number:04} = {number},")
    print(f"}};\n// NOLINTEND(readability-identifier-naming)\n\ninline constexpr std::array<Page, {len(found)}> pages{{{{")
    for number, severity, title, body in found:
        print(f'    {{{number}, Severity::{severity}, R"page({title})page",\n     R"page({body})page"}},')
    print("}};\n\n} // namespace grapnel::doctor")


main(sys.argv[1])
