// SPDX-License-Identifier: Apache-2.0
// Text for a person: colours and the lines of a tree on a terminal only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

enum class Colour { none, bold, dim, green, yellow, red };

/// The form of standard output. On a terminal it has the lines of a tree, and colours unless
/// NO_COLOR is set (https://no-color.org).
struct Terminal {
    bool colours = false;
    bool lines = false;

    /// As standard output was at the first call.
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

/// The tree, drawn with lines on a terminal, else indented by two blanks per level.
[[nodiscard]] std::string to_text(const Tree& tree, const Terminal& terminal);

/// Rows of cells in columns as wide as their widest cell; the first row is bold.
using Cells = std::vector<std::vector<std::string>>;
[[nodiscard]] std::string table_text(const Cells& rows, const Terminal& terminal);

} // namespace grapnel
