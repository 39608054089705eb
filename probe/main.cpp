// SPDX-License-Identifier: Apache-2.0
// grapnel-probe LIBNVIDIA_ML_PATH: asks the driver's own library for facts that the kernel does not
// export, and prints a fact a line, its words between tabs:
//
// grapnel-probe 1 the version of the form
//   driver VERSION
//   cuda VERSION                             the newest that the driver serves
//   gpu PCI uuid|minor|brand|arch|mig VALUE  mig is 1 where it is enabled
//   mig PCI INDEX GPU-INSTANCE COMPUTE-INSTANCE UUID
//
// The only program of the project that runs the driver's code, and the only one that opens a
// GPU: the hook starts it unprivileged and does not trust its output (lib/confine/host_program.hpp,
// lib/driver/probe_answer.hpp). A fact that a GPU does not give is left out, because a sick GPU
// must not keep a healthy one's facts back.
#include "nvml.hpp"

#include <array>
#include <cstdio>
#include <dlfcn.h>
#include <string_view>
#include <unistd.h>

namespace {

using namespace grapnel;
using nvml::Device;
using nvml::Function;

/// By nvmlBrandType_t; the names that requirements on `brand` are written with.
constexpr std::array<const char*, 17> brands{
    "Unknown",   "Quadro",    "Tesla",  "NVS",        "GRID",    "GeForce",
    "TITAN",     "VApps",     "VPC",    "VCS",        "VWS",     "CloudGaming",
    "QuadroRTX", "NvidiaRTX", "Nvidia", "GeForceRTX", "TitanRTX"};

using Text = std::array<char, nvml::text_size>;

int fail(const char* what, const char* why) {
    (void)std::fprintf(stderr, "grapnel-probe: %s: %s\n", what, why);
    return 1;
}

int answer(const char* text) {
    return std::fputs(text, stdout) >= 0 && std::fflush(stdout) == 0
               ? 0
               : fail("stdout", "cannot be written");
}

int wrong_usage(int argc, std::string_view word) {
    const char* const cause = argc < 2         ? "the library's path is missing"
                              : argc > 2       ? "one word too many"
                              : word.empty()   ? "the library's path is empty"
                              : word[0] == '-' ? "unknown option"
                                               : "the library's path must be absolute";
    (void)std::fprintf(stderr, "grapnel-probe: %s: see 'grapnel-probe --help'\n", cause);
    return 2;
}

class Probe {
  public:
    explicit Probe(void* library) : library_(library) {}

    [[nodiscard]] int run() const {
        const Function<> init(library_, "nvmlInit_v2");
        if (!init.there())
            return fail("nvmlInit_v2", "the library has no such function");
        if (const auto failed = init.call(); failed != nvml::success)
            return fail("nvmlInit_v2", words(failed));
        std::puts("grapnel-probe 1");
        driver_as_a_whole();
        const Function<unsigned*> count_of(library_, "nvmlDeviceGetCount_v2");
        const Function<unsigned, Device*> handle(library_, "nvmlDeviceGetHandleByIndex_v2");
        unsigned count = 0;
        if (!count_of(&count))
            return fail("nvmlDeviceGetCount_v2", "the library does not say");
        for (unsigned index = 0; index < count; ++index)
            if (Device device = nullptr; handle(index, &device))
                gpu(device);
        return std::fflush(stdout) == 0 && std::ferror(stdout) == 0
                   ? 0
                   : fail("stdout", "cannot be written");
    }

  private:
    [[nodiscard]] const char* words(nvml::Return failed) const {
        void* const address = dlsym(library_, "nvmlErrorString");
        return address == nullptr
                   ? "it failed"
                   : reinterpret_cast<const char* (*)(nvml::Return)>(address)(failed);
    }

    void driver_as_a_whole() const {
        const Function<char*, unsigned> driver(library_, "nvmlSystemGetDriverVersion");
        const Function<int*> cuda(library_, "nvmlSystemGetCudaDriverVersion_v2",
                                  "nvmlSystemGetCudaDriverVersion");
        if (Text text{}; driver(text.data(), nvml::text_size))
            std::printf("driver\t%s\n", text.data());
        // 13010 is 13.1
        if (int version = 0; cuda(&version))
            std::printf("cuda\t%d.%d\n", version / 1000, version % 1000 / 10);
    }

    /// A GPU without an address has nothing that its facts could be told by.
    void gpu(Device device) const {
        const Function<Device, nvml::PciInfo*> pci_info(
            library_, "nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo");
        nvml::PciInfo info{};
        if (!pci_info(device, &info))
            return;
        Text pci{};
        (void)std::snprintf(pci.data(), pci.size(), "%04x:%02x:%02x.0", info.domain, info.bus,
                            info.device);
        facts(device, pci.data());
        const Function<Device, unsigned*, unsigned*> mode(library_, "nvmlDeviceGetMigMode");
        unsigned current = 0;
        unsigned pending = 0;
        if (!mode(device, &current, &pending))
            return; // most GPUs know no MIG
        std::printf("gpu\t%s\tmig\t%d\n", pci.data(), current == nvml::mig_enabled ? 1 : 0);
        if (current == nvml::mig_enabled)
            mig_devices(device, pci.data());
    }

    void facts(Device device, const char* pci) const {
        const Function<Device, char*, unsigned> uuid(library_, "nvmlDeviceGetUUID");
        const Function<Device, unsigned*> minor(library_, "nvmlDeviceGetMinorNumber");
        const Function<Device, unsigned*> brand(library_, "nvmlDeviceGetBrand");
        const Function<Device, int*, int*> arch(library_, "nvmlDeviceGetCudaComputeCapability");
        if (Text text{}; uuid(device, text.data(), nvml::text_size))
            std::printf("gpu\t%s\tuuid\t%s\n", pci, text.data());
        if (unsigned number = 0; minor(device, &number))
            std::printf("gpu\t%s\tminor\t%u\n", pci, number);
        if (unsigned number = 0; brand(device, &number) && number < brands.size())
            std::printf("gpu\t%s\tbrand\t%s\n", pci, brands[number]);
        int first = 0;
        int second = 0;
        if (arch(device, &first, &second))
            std::printf("gpu\t%s\tarch\t%d.%d\n", pci, first, second);
    }

    /// The indices have gaps where an instance was taken away.
    void mig_devices(Device device, const char* pci) const {
        const Function<Device, unsigned*> most(library_, "nvmlDeviceGetMaxMigDeviceCount");
        const Function<Device, unsigned, Device*> handle(library_,
                                                         "nvmlDeviceGetMigDeviceHandleByIndex");
        const Function<Device, unsigned*> gpu_instance(library_, "nvmlDeviceGetGpuInstanceId");
        const Function<Device, unsigned*> compute_instance(library_,
                                                           "nvmlDeviceGetComputeInstanceId");
        const Function<Device, char*, unsigned> uuid(library_, "nvmlDeviceGetUUID");
        unsigned count = 0;
        if (!most(device, &count))
            return;
        for (unsigned index = 0; index < count; ++index) {
            Device mig = nullptr;
            unsigned gi = 0;
            unsigned ci = 0;
            Text text{};
            if (handle(device, index, &mig) && gpu_instance(mig, &gi) && compute_instance(mig, &ci)
                && uuid(mig, text.data(), nvml::text_size))
                std::printf("mig\t%s\t%u\t%u\t%u\t%s\n", pci, index, gi, ci, text.data());
        }
    }

    void* library_;
};

} // namespace

int main(int argc, char** argv) {
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (word == "-h" || word == "--help" || word == "help")
        return answer(
            "usage: grapnel-probe LIBNVIDIA_ML_PATH\n"
            "\n"
            "Prints the facts of a driver that its library alone knows: brands, compute\n"
            "capabilities, MIG devices. grapnel-hook runs it where a container needs one.\n"
            "\n"
            "options:\n"
            "  -v, --version  print the version\n"
            "  -h, --help     print this\n");
    if (word == "-v" || word == "--version")
        return answer("grapnel-probe " GRAPNEL_VERSION "\n");
    // with a path, not a name: the loader must not search for it
    if (argc != 2 || !word.starts_with('/'))
        return wrong_usage(argc, word);
    void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return fail("dlopen", dlerror());
    // not by returning: the library's destructors can hang on a sick GPU
    _exit(Probe(library).run());
}
