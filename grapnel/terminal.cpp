// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include "sys/terminal.hpp"

#include <algorithm>
#include <cstdlib>

namespace grapnel {

namespace {

std::string_view sequence(Colour colour) {
    switch (colour) {
    case Colour::bold:
        return "\033[1m";
    case Colour::dim:
        return "\033[2m";
    case Colour::green:
        return "\033[32m";
    case Colour::yellow:
        return "\033[33m";
    case Colour::red:
        return "\033[31m";
    case Colour::none:
        break;
    }
    return {};
}

void add_text(const Tree& tree, const Terminal& terminal, const std::string& indent,
              std::string& out) {
    for (const auto& child : tree.below) {
        const bool last = &child == &tree.below.back();
        const std::string head = !terminal.lines ? "  " : last ? "└─ " : "├─ ";
        const std::string next = !terminal.lines ? "  " : last ? "   " : "│  ";
        out += indent + head + terminal.paint(child.colour, child.text) + "\n";
        add_text(child, terminal, indent + next, out);
    }
}

Terminal find_terminal() {
    const bool is_terminal = sys::is_terminal_stdout();
    const char* const refused = secure_getenv("NO_COLOR");
    return {.colours = is_terminal && (refused == nullptr || *refused == '\0'),
            .lines = is_terminal};
}

} // namespace

Terminal Terminal::of_stdout() {
    static const Terminal found = find_terminal();
    return found;
}

std::string Terminal::paint(Colour colour, std::string_view text) const {
    if (!colours || colour == Colour::none)
        return std::string(text);
    return std::string(sequence(colour)) + std::string(text) + "\033[0m";
}

Tree& Tree::add(std::string line, Colour with) {
    below.push_back({.text = std::move(line), .colour = with});
    return below.back();
}

std::string to_text(const Tree& tree, const Terminal& terminal) {
    auto out = terminal.paint(tree.colour, tree.text) + "\n";
    add_text(tree, terminal, "", out);
    return out;
}

std::string table_text(const Cells& rows, const Terminal& terminal) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size())
                line += std::string(widths[i] - row[i].size() + 2, ' ');
        }
        out += terminal.paint(&row == &rows.front() ? Colour::bold : Colour::none, line) + "\n";
    }
    return out;
}

} // namespace grapnel
