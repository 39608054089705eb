// SPDX-License-Identifier: Apache-2.0
#include "host_file.hpp"

#include "base/text.hpp"
#include "support/elf_file.hpp"
#include "support/golden.hpp"
#include "support/ld_cache_file.hpp"

#include <array>
#include <cerrno>
#include <map>
#include <sstream>

namespace grapnel::test {

namespace {

using Words = std::vector<std::string>;

/// "\t" and "\n" in a line stand for what they mean in C.
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '\\' && i + 1 < text.size();
        if (escape)
            ++i;
        out += escape && text[i] == 't' ? '\t' : escape && text[i] == 'n' ? '\n' : text[i];
    }
    return out;
}

Result<ElfSketch::Machine> machine(const std::string& word) {
    if (word == "native")
        return ElfSketch::Machine::native;
    if (word == "native32")
        return ElfSketch::Machine::native32;
    if (word == "other")
        return ElfSketch::Machine::other;
    return refused("unknown machine " + quote(word));
}

class Reader {
  public:
    Reader(const std::string& includes, MemoryHost& host, std::vector<CacheLine>& cache)
        : includes_(includes), host_(host), cache_(cache) {}

    Status read(const std::string& path) {
        const auto text = file_text(path);
        if (!text)
            return refused(path + ": cannot be read");
        std::istringstream file(*text);
        std::string line;
        for (int number = 1; std::getline(file, line); ++number)
            if (!line.empty() && line.front() != '#') {
                const int at = number;
                GRAPNEL_TRY(take(line, file, number).note(path + ":" + std::to_string(at)));
            }
        return {};
    }

  private:
    /// `number` moves on with the lines of a here-document.
    Status take(const std::string& line, std::istream& file, int& number) {
        const Words words = split_words(line);
        const auto& verb = words.front();
        const auto rule = verbs().find(verb);
        if (rule == verbs().end())
            return refused("unknown line " + quote(line));
        if (words.size() - 1 < rule->second.least)
            return refused(quote(verb) + " needs more words");
        if (words.size() - 1 > rule->second.most)
            return refused(quote(verb) + " takes fewer words");
        if (verb == "file")
            return take_file(words, line, file, number);
        return (this->*rule->second.take)(words);
    }

    static Words split_words(const std::string& line) {
        std::istringstream stream(line);
        Words words;
        for (std::string word; stream >> word;)
            words.push_back(word);
        return words.empty() ? Words{""} : words;
    }

    /// file PATH TEXT, or file PATH <<END and lines until END
    Status take_file(const Words& words, const std::string& line, std::istream& file, int& number) {
        const auto after = line.find(words[1]) + words[1].size();
        const auto text = trim(std::string_view(line).substr(after));
        if (!text.starts_with("<<")) {
            host_.file(words[1], unescaped(text));
            return {};
        }
        const auto end = text.substr(2);
        std::string content;
        for (std::string more; std::getline(file, more);) {
            ++number;
            if (more == end) {
                host_.file(words[1], unescaped(content));
                return {};
            }
            content += more + "\n";
        }
        return refused("there is no line " + quote(end));
    }

    Status take_include(const Words& words) {
        return Reader(includes_, host_, cache_).read(includes_ + "/" + words[1] + ".txt");
    }
    Status take_directory(const Words& words) {
        host_.directory(words[1]);
        return {};
    }
    Status take_link(const Words& words) {
        host_.link(words[1], words[2]);
        return {};
    }
    Status take_socket(const Words& words) {
        host_.socket(words[1]);
        return {};
    }
    Status take_remove(const Words& words) {
        host_.remove(words[1]);
        return {};
    }
    Status take_unreadable(const Words& words) {
        host_.unreadable(words[1], ENODEV);
        return {};
    }
    Status take_char(const Words& words) {
        const auto numbers = split(words[2], ':');
        const auto major = parse_number<std::uint32_t>(numbers.front());
        const auto minor = parse_number<std::uint32_t>(numbers.back());
        if (numbers.size() != 2 || !major || !minor)
            return refused(quote(words[2]) + " is not MAJOR:MINOR");
        const auto mode = parse_number<std::uint32_t>(words.size() > 3 ? words[3] : "0666", 8);
        const auto group = parse_number<std::uint32_t>(words.size() > 4 ? words[4] : "0");
        if (!mode || !group)
            return refused("a mode is octal, a group is a number");
        host_.character_device(words[1], *major, *minor, *mode, *group);
        return {};
    }
    /// gpu PCI MINOR UUID [MODEL...]
    Status take_gpu(const Words& words) {
        const auto minor = parse_number<std::uint32_t>(words[2]);
        if (!minor)
            return refused(quote(words[2]) + " is no minor");
        std::string model;
        for (std::size_t i = 4; i < words.size(); ++i)
            model += (model.empty() ? "" : " ") + words[i];
        host_.file("/proc/driver/nvidia/gpus/" + words[1] + "/information",
                   "Model: \t\t " + (model.empty() ? "NVIDIA H200" : model) + "\nGPU UUID: \t "
                       + words[3] + "\nBus Location: \t " + words[1] + "\nDevice Minor: \t "
                       + words[2] + "\nGPU Excluded:\t No\n");
        host_.character_device("/dev/nvidia" + words[2], 195, *minor);
        return {};
    }
    /// mig GPU-MINOR GI CI, with minors as the driver numbers them: for each GPU 15 GPU instances
    /// with 8 compute instances each, from 3 on
    Status take_mig(const Words& words) {
        std::array<std::uint32_t, 3> numbers{};
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const auto number = parse_number<std::uint32_t>(words[i + 1]);
            if (!number)
                return refused(quote(words[i + 1]) + " is no number");
            numbers[i] = *number;
        }
        const auto [gpu, gpu_instance, compute_instance] = numbers;
        const auto minor = 3 + gpu * 135 + gpu_instance * 9;
        const auto directory =
            "/proc/driver/nvidia/capabilities/gpu" + words[1] + "/mig/gi" + words[2];
        add_capability(directory, minor);
        add_capability(directory + "/ci" + words[3], minor + 1 + compute_instance);
        return {};
    }
    void add_capability(const std::string& directory, std::uint32_t minor) {
        host_.file(directory + "/access", "DeviceFileMinor: " + std::to_string(minor)
                                              + "\nDeviceFileMode: 292\nDeviceFileModify: 1\n");
        host_.character_device("/dev/nvidia-caps/nvidia-cap" + std::to_string(minor), 241, minor);
    }
    /// elf PATH SONAME|- [MACHINE]
    Status take_elf(const Words& words) {
        ElfSketch sketch{.soname = words[2] == "-" ? "" : words[2]};
        if (words.size() > 3)
            sketch.machine = GRAPNEL_TRY(machine(words[3]));
        host_.file(words[1], elf_file(sketch));
        return {};
    }
    /// program PATH INTERPRETER RUN-PATH NEEDED...
    Status take_program(const Words& words) {
        host_.file(words[1], elf_file({.needed = {words.begin() + 4, words.end()},
                                       .run_path = words[3],
                                       .interpreter = words[2]}));
        return {};
    }
    /// libraries DIRECTORY VERSION MACHINE SONAME...
    Status take_libraries(const Words& words) {
        const auto built_for = GRAPNEL_TRY(machine(words[3]));
        for (std::size_t i = 4; i < words.size(); ++i) {
            const auto stem = words[i].substr(0, words[i].find(".so"));
            host_.file(words[1] + "/" + stem + ".so." + words[2],
                       elf_file({.machine = built_for, .soname = words[i]}));
        }
        return {};
    }
    /// cuda-note PATH CUDA-VERSION: libcuda with the note that newer drivers carry
    Status take_cuda_note(const Words& words) {
        host_.file(words[1], elf_file({.soname = "libcuda.so.1",
                                       .note = R"({"format":1,"CUDA version":")" + words[2]
                                               + R"(","driver":[535,550],"device":[1,2]})"}));
        return {};
    }
    /// cached SONAME PATH [native32]
    Status take_cached(const Words& words) {
        const bool is_32bit = words.size() > 3;
        if (is_32bit && words[3] != "native32")
            return refused("unknown machine " + quote(words[3]));
        cache_.push_back(
            {words[1], words[2], is_32bit ? native32_cache_flags : native_cache_flags});
        host_.file(cache_file_, ld_cache_file(cache_));
        return {};
    }
    /// cache PATH
    Status take_cache(const Words& words) {
        cache_file_ = words[1];
        return {};
    }

    struct Rule {
        std::size_t least;
        std::size_t most;
        Status (Reader::*take)(const Words&);
    };
    static const std::map<std::string, Rule>& verbs() {
        constexpr std::size_t any = 1000;
        static const std::map<std::string, Rule> table{
            {"cache", {1, 1, &Reader::take_cache}},
            {"cached", {2, 3, &Reader::take_cached}},
            {"char", {2, 4, &Reader::take_char}},
            {"cuda-note", {2, 2, &Reader::take_cuda_note}},
            {"dir", {1, 1, &Reader::take_directory}},
            {"elf", {2, 3, &Reader::take_elf}},
            {"file", {1, any, nullptr}},
            {"gpu", {3, any, &Reader::take_gpu}},
            {"include", {1, 1, &Reader::take_include}},
            {"libraries", {4, any, &Reader::take_libraries}},
            {"link", {2, 2, &Reader::take_link}},
            {"mig", {3, 3, &Reader::take_mig}},
            {"program", {3, any, &Reader::take_program}},
            {"remove", {1, 1, &Reader::take_remove}},
            {"socket", {1, 1, &Reader::take_socket}},
            {"unreadable", {1, 1, &Reader::take_unreadable}},
        };
        return table;
    }

    const std::string& includes_;
    MemoryHost& host_;
    std::vector<CacheLine>& cache_;
    std::string cache_file_ = "/etc/ld.so.cache";
};

} // namespace

Status read_host_file(const std::string& path, const std::string& includes, MemoryHost& host) {
    std::vector<CacheLine> cache;
    return Reader(includes, host, cache).read(path);
}

} // namespace grapnel::test
