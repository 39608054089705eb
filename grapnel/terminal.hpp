// SPDX-License-Identifier: Apache-2.0
// Text for a person at a terminal: colours and lines there alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

enum class Colour { none, bold, dim, green, yellow, red };

/// How standard output is written to. Colours: on a terminal, unless NO_COLOR is set
/// (https://no-color.org). Lines of a tree: on a terminal.
struct Terminal {
    bool colours = false;
    bool lines = false;

    [[nodiscard]] static Terminal of_stdout();
    [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;
};

/// A line with lines below it.
struct Tree {
    std::string text = {};
    Colour colour = Colour::none;
    std::vector<Tree> below = {};

    Tree& add(std::string line, Colour with = Colour::none);
};

/// With lines on a terminal, else indented by two blanks a level.
[[nodiscard]] std::string to_text(const Tree& tree, const Terminal& terminal);

/// Rows of cells in columns as wide as their widest cell; the first row is bold.
using Cells = std::vector<std::vector<std::string>>;
[[nodiscard]] std::string table_text(const Cells& rows, const Terminal& terminal);

} // namespace grapnel
